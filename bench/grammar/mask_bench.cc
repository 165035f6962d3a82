// What structured output costs a token: 20 schemas (schemas.json), each with answers that a model would give,
// in the tokens of a real vocabulary.
//
//   mask_bench MODEL.gguf [REPEATS]
//
// For every token of every answer: the time to find the tokens that may come, and to go on with this one.
// `first`: in a schema that was never used before; `again`: in one that has been. Compiling is timed apart.
// Medians over all tokens, of the best of REPEATS runs each.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "formats/gguf/gguf.h"
#include "models/tokenizer_gguf.h"
#include "text/grammar/json_schema.h"
#include "text/grammar/matcher.h"

namespace {

using hearth::text::TokenId;
namespace grammar = hearth::text::grammar;
using Clock = std::chrono::steady_clock;

double microseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

double share(std::vector<double> times, double quantile) {
  std::sort(times.begin(), times.end());
  return times[std::min(times.size() - 1, static_cast<size_t>(quantile * static_cast<double>(times.size())))];
}

void print(const char* what, const std::vector<double>& times) {
  std::printf("%-28s n %6zu   median %8.2f us   p90 %8.2f   p99 %8.2f   max %8.2f\n", what, times.size(),
              share(times, 0.5), share(times, 0.9), share(times, 0.99), share(times, 1.0));
}

// Keeps the shortest time of each token.
void note(std::vector<double>& times, size_t i, double time) {
  if (i >= times.size()) times.push_back(time);
  times[i] = std::min(times[i], time);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: mask_bench MODEL.gguf [REPEATS]\n");
    return 2;
  }
  const int n_repeats = argc > 2 ? std::stoi(argv[2]) : 5;
  auto file = hearth::gguf::File::open(argv[1]);
  if (!file) return std::fprintf(stderr, "%s\n", file.error().message().c_str()), 1;
  auto tokenizer = hearth::models::load_tokenizer(*file);
  if (!tokenizer) return std::fprintf(stderr, "%s\n", tokenizer.error().message().c_str()), 1;
  std::ifstream in(HEARTH_SCHEMAS);
  const auto schemas = nlohmann::ordered_json::parse(in);

  auto began = Clock::now();
  const auto vocabulary = std::make_shared<const grammar::MaskedVocabulary>(
      **tokenizer, static_cast<size_t>((*tokenizer)->vocabulary_size()), std::vector<TokenId>());
  std::printf("vocabulary of %lld tokens, arranged once in %.1f ms\n",
              static_cast<long long>((*tokenizer)->vocabulary_size()),
              microseconds(Clock::now() - began) / 1000);

  std::vector<double> compile, first, again;
  for (int repeat = 0; repeat < n_repeats; ++repeat) {
    size_t i_schema = 0, i_first = 0, i_again = 0;
    for (const auto& entry : schemas) {
      const std::string name = entry["name"];
      began = Clock::now();
      grammar::GrammarBuilder builder;
      const auto root = grammar::add_json_schema(builder, entry["schema"]);
      if (!root) return std::fprintf(stderr, "%s: %s\n", name.c_str(), root.error().message().c_str()), 1;
      auto compiled = builder.build(*root);
      if (!compiled)
        return std::fprintf(stderr, "%s: %s\n", name.c_str(), compiled.error().message().c_str()), 1;
      note(compile, i_schema++, microseconds(Clock::now() - began));
      const auto shared = std::make_shared<grammar::TokenGrammar>(*compiled, vocabulary);
      for (const bool is_first : {true, false}) {
        for (const std::string text : entry["instances"]) {
          grammar::Matcher matcher(shared);
          hearth::text::EncodeOptions options;
          options.add_special = false;
          for (const TokenId token : (*tokenizer)->encode(text, options)) {
            began = Clock::now();
            const auto allowed = matcher.allowed();
            const bool fits = allowed && (*allowed)->contains(token) && matcher.accept(token);
            const double took = microseconds(Clock::now() - began);
            if (!fits)
              return std::fprintf(stderr, "%s: the answer %s is not allowed\n", name.c_str(), text.c_str()),
                     1;
            if (is_first) {
              note(first, i_first++, took);
            } else {
              note(again, i_again++, took);
            }
          }
          if (!matcher.may_end())
            return std::fprintf(stderr, "%s: the answer may not end\n", name.c_str()), 1;
        }
      }
    }
  }
  print("compile a schema", compile);
  print("mask and go on, first", first);
  print("mask and go on, again", again);
  std::vector<double> all = first;
  all.insert(all.end(), again.begin(), again.end());
  print("mask and go on, all", all);
  return 0;
}
