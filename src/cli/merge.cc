// hearth merge: an adapter's changes put into a model's weights.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/output_file.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/model_loading.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/units.h"
#include "models/adapter/merged_checkpoint.h"
#include "models/quantization/quantize_checkpoint.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;

struct MergeOptions {
  std::string model;
  std::string adapter;
  std::string output;
  std::string type;  // empty: each tensor keeps its own
  int64_t n_threads = 0;
  bool force = false;
  bool json = false;
};

Result<void> check_paths(const MergeOptions& options) {
  std::error_code ignored;
  if (fs::is_directory(options.model, ignored)) {
    return make_error(ErrorCode::kUnsupported, "{}: expected a GGUF file, found a folder", options.model);
  }
  for (const std::string& source : {options.model, options.adapter}) {
    if (!fs::equivalent(source, options.output, ignored)) continue;
    return make_error(ErrorCode::kInvalidArgument, "{}: expected another file than {}", options.output,
                      source);
  }
  return {};
}

Result<OutputFile> create_output(const MergeOptions& options) {
  const auto existing = options.force ? OutputFile::Existing::kReplace : OutputFile::Existing::kRefuse;
  auto created = OutputFile::create(options.output, existing);
  std::error_code ignored;
  if (!created && !options.force && fs::is_regular_file(options.output, ignored)) {
    return make_error(created.error().code(), "{} (--force replaces it)", created.error().message());
  }
  return created;
}

Result<void> merge(const MergeOptions& options, const Context& context) {
  models::QuantizeOptions write;
  if (!options.type.empty()) {
    HEARTH_ASSIGN(write.scheme, models::find_scheme(options.type));
  }
  HEARTH_TRY(check_paths(options));
  HEARTH_ASSIGN(const auto base, open_model(options.model));
  HEARTH_ASSIGN(models::LoraAdapter adapter, models::read_lora_adapter(options.adapter, *base));
  const size_t n_matrices = adapter.matrices.size();
  const auto type = write.scheme == nullptr ? models::MergedType::kKeep : models::MergedType::kF32;
  HEARTH_ASSIGN(const auto merged, models::MergedCheckpoint::create(*base, std::move(adapter), type));
  HEARTH_ASSIGN(OutputFile file, create_output(options));

  ProgressLine line(context.console);
  write.n_threads = threads_or_default(options.n_threads);
  write.allow_requantize = true;  // what is not adapted may be, and the person asked for the type
  write.begin_file = [&](uint64_t size_bytes) { return file.reserve(size_bytes); };
  write.progress = [&](const models::QuantizeProgress& progress) {
    line.show(fmt::format("merging: {} of {}", format_bytes(progress.done_bytes),
                          format_bytes(progress.total_bytes)));
    return !interrupted();
  };
  HEARTH_ASSIGN(const models::QuantizeReport report,
                models::quantize_checkpoint(
                    *merged, write, [&](std::span<const std::byte> bytes) { return file.append(bytes); }));
  if (interrupted()) return make_error(ErrorCode::kCancelled, "stopped");
  HEARTH_TRY(file.finish());
  line.show("");
  context.console.note(fmt::format("{}: {}, with {} matrices changed by {}", options.output,
                                   format_bytes(report.file_bytes), n_matrices, options.adapter));
  if (!options.json) return {};
  return write_json({{"file", options.output},
                     {"bytes", report.file_bytes},
                     {"merged_matrices", n_matrices},
                     {"bits_per_weight", report.bits_per_weight()}});
}

constexpr const char* kMergeExamples =
    R"(ADAPTER is what hearth finetune learnt, or another LoRA adapter of MODEL: a GGUF file, or a folder as PEFT writes
it. OUTPUT appears when it is whole. Without --type each matrix has the type that MODEL has it in; a quantised one is
rounded to it once more, so that the best results come of a MODEL in F16 or BF16, and --type.

Examples:
  hearth merge model.gguf tuned/ tuned.gguf
  hearth merge model-f16.gguf tuned/adapter.gguf tuned-q4_k_m.gguf --type Q4_K_M)";

}  // namespace

void add_merge_command(CLI::App& parser, Action& action) {
  auto options = std::make_shared<MergeOptions>();
  CLI::App* command = parser.add_subcommand("merge", "Put an adapter into a model's weights");
  command->add_option("MODEL", options->model, "a GGUF file")->required()->type_name("");
  command->add_option("ADAPTER", options->adapter, "what is put into it")->required()->type_name("");
  command->add_option("OUTPUT", options->output, "the GGUF file to write")->required()->type_name("");
  command->add_option("--type", options->type, "the weights' type: F16, Q4_K_M, Q8_0, ...")
      ->type_name("TYPE");
  add_worker_threads_option(*command, options->n_threads);
  command->add_flag("--force", options->force, "replace OUTPUT where it is there");
  command->add_flag("--json", options->json, "print one JSON object");
  command->footer(kMergeExamples);
  command->callback([options, &action] {
    action = [options](const Context& context) { return merge(*options, context); };
  });
}

}  // namespace hearth::cli
