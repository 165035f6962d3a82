// hearth logits: the next-token probabilities after each token of a sequence, for comparison with other
// programs.
#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/model_loading.h"
#include "cli/options.h"
#include "cli/output.h"

namespace hearth::cli {
namespace {

static_assert(std::endian::native == std::endian::little, "rows are written as they stand in memory");

struct LogitsOptions {
  std::string model;
  std::vector<int32_t> tokens;
  std::string out;
  int64_t n_threads = 0;
  bool json = false;
};

// In double: the sum over a large vocabulary would lose the last digits of a float.
std::vector<float> softmax(std::span<const float> logits) {
  const double highest = *std::max_element(logits.begin(), logits.end());
  std::vector<double> powers(logits.size());
  double total = 0.0;
  for (size_t i = 0; i < logits.size(); ++i)
    total += powers[i] = std::exp(static_cast<double>(logits[i]) - highest);
  std::vector<float> probabilities(logits.size());
  for (size_t i = 0; i < logits.size(); ++i) probabilities[i] = static_cast<float>(powers[i] / total);
  return probabilities;
}

// Half a file must not pass for a whole one. Devices stay.
void remove_unfinished(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_regular_file(path, error)) std::filesystem::remove(path, error);
}

Result<void> note_rows(const LogitsOptions& options, const RunnableModel& loaded, const Context& context) {
  if (options.json) {
    return write_json({{"file", options.out},
                       {"rows", options.tokens.size()},
                       {"columns", loaded.model->info().vocabulary_size},
                       {"type", "f32"}});
  }
  context.console.note(fmt::format("{}: {} rows of {} float32", options.out, options.tokens.size(),
                                   loaded.model->info().vocabulary_size));
  return {};
}

Result<void> write_probabilities(const LogitsOptions& options, const Context& context) {
  engine::LoadOptions load;
  load.context_tokens = std::max<int64_t>(2, static_cast<int64_t>(options.tokens.size()));
  HEARTH_ASSIGN(const RunnableModel loaded,
                load_runnable_model(context, options.model, options.n_threads, load));
  std::ofstream out(options.out, std::ios::binary | std::ios::trunc);
  if (!out) return make_error(ErrorCode::kIo, "{}: cannot write: {}", options.out, std::strerror(errno));
  const Result<void> evaluated =
      loaded.model->engine().evaluate(options.tokens, [&](int64_t, std::span<const float> logits) {
        const std::vector<float> row = softmax(logits);
        out.write(reinterpret_cast<const char*>(row.data()),
                  static_cast<std::streamsize>(row.size() * sizeof(float)));
        return out.good() && !interrupted();
      });
  out.close();
  const bool written = out.good();
  if (evaluated && written) return note_rows(options, loaded, context);
  remove_unfinished(options.out);
  if (!evaluated && evaluated.error().code() != ErrorCode::kCancelled) return evaluated.error();
  if (!written) return make_error(ErrorCode::kIo, "{}: cannot write: {}", options.out, std::strerror(errno));
  return evaluated.error();
}

constexpr const char* kLogitsExamples =
    R"(The file gets one row per token, in order: the softmax, at temperature 1, of the logits after that token;
float32, little-endian, one number per entry of the vocabulary. The sequence starts from an empty context, and no BOS
is added.

Example:
  hearth logits model.gguf --tokens 1,5,9 --out probabilities.f32)";

}  // namespace

void add_logits_command(CLI::App& parser, Action& action) {
  auto options = std::make_shared<LogitsOptions>();
  CLI::App* command = parser.add_subcommand("logits", "Write next-token probabilities to a file");
  add_model_argument(*command, options->model);
  command->add_option("--tokens", options->tokens, "the sequence: token ids, separated by commas")
      ->required()
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("IDS");
  command->add_option("--out", options->out, "the file to write")->required()->type_name("FILE");
  add_threads_option(*command, options->n_threads);
  command->add_flag("--json", options->json, "print one JSON object that says what was written");
  command->footer(kLogitsExamples);
  command->callback([options, &action] {
    action = [options](const Context& context) { return write_probabilities(*options, context); };
  });
}

}  // namespace hearth::cli
