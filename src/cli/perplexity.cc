// hearth perplexity: how well a model predicts a text.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/model_loading.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/units.h"

namespace hearth::cli {
namespace {

constexpr std::string_view kMethod =
    "non-overlapping windows of the context's length, each evaluated from an empty context, its first token "
    "replaced by "
    "BOS if the model wants one; scored on the second half of each window; tokens after the last whole "
    "window are left "
    "out";
constexpr int64_t kDefaultWindow = 512;
constexpr int64_t kSmallestWindow = 4;

struct PerplexityOptions {
  std::string model;
  std::string file;
  int64_t window_tokens = 0;
  int64_t n_threads = 0;
  models::KvTypes kv_types;
  bool json = false;
};

// The surprise -ln p of scored tokens.
class Surprise {
 public:
  void add(double nats) {
    ++n_;
    sum_ += nats;
    sum_of_squares_ += nats * nats;
  }
  int64_t n() const { return n_; }
  double perplexity() const { return std::exp(mean()); }
  // Of the perplexity, by the delta method from the standard error of the mean.
  double standard_error() const {
    if (n_ < 2) return 0.0;
    const auto n = static_cast<double>(n_);
    const double variance = std::max(0.0, (sum_of_squares_ - n * mean() * mean()) / (n - 1.0));
    return perplexity() * std::sqrt(variance / n);
  }

 private:
  double mean() const { return n_ == 0 ? 0.0 : sum_ / static_cast<double>(n_); }

  int64_t n_ = 0;
  double sum_ = 0.0;
  double sum_of_squares_ = 0.0;
};

double surprise_of(text::TokenId token, std::span<const float> logits) {
  const double highest = *std::max_element(logits.begin(), logits.end());
  double total = 0.0;
  for (const float logit : logits) total += std::exp(static_cast<double>(logit) - highest);
  return highest + std::log(total) - static_cast<double>(logits[static_cast<size_t>(token)]);
}

// The text's tokens without BOS, and whether each window begins with one.
struct Corpus {
  std::vector<text::TokenId> tokens;
  std::optional<text::TokenId> window_bos;
};

Corpus encode_corpus(const text::Tokenizer& tokenizer, std::string_view text) {
  Corpus corpus;
  corpus.tokens = tokenizer.encode(text, {});
  const bool begins_with_bos = !corpus.tokens.empty() && tokenizer.bos() == corpus.tokens.front();
  if (begins_with_bos) corpus.window_bos = tokenizer.bos();
  return corpus;
}

Result<Surprise> score(const Corpus& corpus, int64_t window_tokens, const Context& context,
                       engine::Engine& engine) {
  Surprise surprise;
  ProgressLine progress(context.console);
  const auto length = static_cast<size_t>(window_tokens);
  const size_t n_windows = corpus.tokens.size() / length;
  const int64_t first_scored = window_tokens / 2;
  const double start = monotonic_seconds();
  for (size_t w = 0; w < n_windows; ++w) {
    const auto begin = corpus.tokens.begin() + static_cast<std::ptrdiff_t>(w * length);
    std::vector<text::TokenId> window(begin, begin + static_cast<std::ptrdiff_t>(length));
    if (corpus.window_bos) window.front() = *corpus.window_bos;
    HEARTH_TRY(engine.evaluate(window, [&](int64_t position, std::span<const float> logits) {
      const auto next = static_cast<size_t>(position) + 1;
      if (position >= first_scored && next < length) surprise.add(surprise_of(window[next], logits));
      return !interrupted();
    }));
    const double left =
        (monotonic_seconds() - start) / static_cast<double>(w + 1) * static_cast<double>(n_windows - w - 1);
    progress.show(fmt::format("window {} of {}, perplexity so far {:.4f}, {} left", w + 1, n_windows,
                              surprise.perplexity(), format_seconds(left)));
  }
  return surprise;
}

Result<void> print_result(const PerplexityOptions& options, const Surprise& surprise, int64_t window_tokens,
                          size_t n_windows) {
  if (!options.json) {
    return write_output(fmt::format(
        "perplexity {:.4f} +/- {:.4f}\n{} tokens scored in {} windows of {}\n"
        "method: {}\n",
        surprise.perplexity(), surprise.standard_error(), surprise.n(), n_windows, window_tokens, kMethod));
  }
  nlohmann::ordered_json object;
  object["perplexity"] = surprise.perplexity();
  object["standard_error"] = surprise.standard_error();
  object["tokens_scored"] = surprise.n();
  object["windows"] = n_windows;
  object["window_tokens"] = window_tokens;
  object["method"] = kMethod;
  object["model"] = options.model;
  object["file"] = options.file;
  return write_json(object);
}

Result<void> perplexity(const PerplexityOptions& options, const Context& context) {
  HEARTH_ASSIGN(const std::string text, read_text_file(options.file));
  engine::LoadOptions load;
  load.context_tokens = options.window_tokens;
  load.kv_types = options.kv_types;
  HEARTH_ASSIGN(const RunnableModel loaded,
                load_runnable_model(context, options.model, options.n_threads, load));
  engine::LoadedModel& model = *loaded.model;
  const int64_t window_tokens = options.window_tokens > 0
                                    ? options.window_tokens
                                    : std::min(kDefaultWindow, model.engine().context_tokens());
  const Corpus corpus = encode_corpus(model.tokenizer(), text);
  const size_t n_windows = corpus.tokens.size() / static_cast<size_t>(window_tokens);
  if (n_windows == 0) {
    return make_error(ErrorCode::kInvalidArgument,
                      "{}: expected at least one window of {} tokens, found {} tokens", options.file,
                      window_tokens, corpus.tokens.size());
  }
  HEARTH_ASSIGN(const Surprise surprise, score(corpus, window_tokens, context, model.engine()));
  return print_result(options, surprise, window_tokens, n_windows);
}

constexpr const char* kPerplexityExamples =
    R"(Lower is better: the model is as unsure at each token as if it chose among that many.
A number compares only with one from the same text, the same tokenizer and the same --context.
--json gives {"perplexity", "standard_error", "tokens_scored", "windows", "window_tokens", "method", "model", "file"}.

Examples:
  hearth perplexity model.gguf wiki.test.raw
  hearth perplexity model.gguf wiki.test.raw --context 2048 --json)";

}  // namespace

void add_perplexity_command(CLI::App& parser, Action& action) {
  auto options = std::make_shared<PerplexityOptions>();
  CLI::App* command = parser.add_subcommand("perplexity", "Measure how well a model predicts a text");
  add_model_argument(*command, options->model);
  command->add_option("FILE", options->file, "the text")->required()->type_name("");
  add_count_option(*command, "--context", options->window_tokens, kSmallestWindow, int64_t{1} << 30,
                   "tokens of a window (default: 512, or the model's context if that is less)");
  add_cache_type_options(*command, options->kv_types);
  add_threads_option(*command, options->n_threads);
  command->add_flag("--json", options->json, "print one JSON object");
  command->footer(fmt::format("Method: {}.\n\n{}", kMethod, kPerplexityExamples));
  command->callback([options, &action] {
    action = [options](const Context& context) { return perplexity(*options, context); };
  });
}

}  // namespace hearth::cli
