// hearth embed: texts to vectors.
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/model_loading.h"
#include "cli/options.h"
#include "cli/output.h"
#include "engine/loaded_encoder.h"

namespace hearth::cli {
namespace {

// Texts that are computed, and whose vectors are printed, together.
constexpr size_t kTextsPerBatch = 32;

struct EmbedOptions {
  std::string model;
  std::vector<std::string> texts;
  int64_t n_threads = 0;
  bool json = false;
};

// A newline at the end ends the last line, it begins none.
std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.emplace_back(line);
  }
  return lines;
}

Result<std::vector<std::string>> read_texts(const EmbedOptions& options) {
  if (!options.texts.empty()) return options.texts;
  HEARTH_ASSIGN(const std::string input, read_standard_input());
  return split_lines(input);
}

// All texts are tokenized before the first is computed: one that is too long fails at once.
Result<std::vector<std::vector<text::TokenId>>> tokenize(const engine::LoadedEncoder& encoder,
                                                         const std::vector<std::string>& texts) {
  std::vector<std::vector<text::TokenId>> sequences;
  for (const std::string& text : texts) {
    auto tokens = encoder.tokenize(text);
    if (!tokens) return tokens.error().in(fmt::format("text {}", sequences.size() + 1));
    sequences.push_back(std::move(*tokens));
  }
  return sequences;
}

// As the server's /api/embed tells it.
Result<void> write_vectors(const std::vector<std::vector<float>>& vectors, const EmbedOptions& options,
                           size_t n_tokens) {
  nlohmann::ordered_json object;
  object["model"] = options.model;
  object["embeddings"] = vectors;
  object["prompt_eval_count"] = n_tokens;
  return write_output(object.dump() + "\n");
}

Result<void> embed(const EmbedOptions& options, const Context& context) {
  HEARTH_ASSIGN(auto checkpoint, open_model(options.model));
  HEARTH_ASSIGN(auto backend, context.make_backend(threads_or_default(options.n_threads)));
  HEARTH_ASSIGN(const auto encoder, engine::LoadedEncoder::load(std::move(checkpoint), std::move(backend)));
  HEARTH_ASSIGN(const std::vector<std::string> texts, read_texts(options));
  HEARTH_ASSIGN(const auto sequences, tokenize(*encoder, texts));
  std::vector<std::vector<float>> all;
  size_t n_tokens = 0;
  for (const auto& sequence : sequences) n_tokens += sequence.size();
  for (std::span<const std::vector<text::TokenId>> rest = sequences; !rest.empty();) {
    if (interrupted()) return Error(ErrorCode::kCancelled, "interrupted");
    const auto batch = rest.first(std::min(rest.size(), kTextsPerBatch));
    HEARTH_ASSIGN(const std::vector<std::vector<float>> vectors, encoder->encode(batch));
    std::string out;
    if (options.json) {
      all.insert(all.end(), vectors.begin(), vectors.end());
    } else {
      for (const std::vector<float>& vector : vectors) out += fmt::format("[{}]\n", fmt::join(vector, ","));
    }
    HEARTH_TRY(write_output(out));
    rest = rest.subspan(batch.size());
  }
  return options.json ? write_vectors(all, options, n_tokens) : Result<void>();
}

constexpr const char* kEmbedExamples =
    R"(Needs an encoder: a model of the architectures bert or nomic-bert. Each text becomes one line of output, a JSON array
of as many numbers as the model is wide, of unit length: the cosine of two texts is the sum of the products of their
numbers. Texts of more tokens than the model takes are an error.

Examples:
  hearth embed nomic-embed-text.gguf "search_query: What is a hearth?"
  hearth embed model.gguf "one text" "another text"
  hearth embed model.gguf < one_text_per_line.txt > vectors.jsonl)";

}  // namespace

void add_embed_command(CLI::App& parser, Action& action) {
  auto options = std::make_shared<EmbedOptions>();
  CLI::App* command = parser.add_subcommand("embed", "Turn texts into vectors");
  add_model_argument(*command, options->model);
  add_texts_argument(*command, "TEXT", options->texts, "a text; without any, stdin has one on each line");
  add_threads_option(*command, options->n_threads);
  command->add_flag("--json", options->json, "print one JSON object, as /api/embed gives it");
  command->footer(kEmbedExamples);
  command->callback([options, &action] {
    action = [options](const Context& context) { return embed(*options, context); };
  });
}

}  // namespace hearth::cli
