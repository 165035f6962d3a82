// hearth quantize: a model of F32, F16 or BF16 weights becomes one of fewer bits.
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/output_file.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/model_loading.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/units.h"
#include "models/quantization/quantize_checkpoint.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;

struct QuantizeCommandOptions {
  std::string source;
  std::string destination;
  std::string type;
  int64_t n_threads = 0;
  bool allow_requantize = false;
  bool force = false;
  bool verbose = false;
  bool json = false;
};

std::string line_of(const models::QuantizedTensor& tensor) {
  const std::string sizes =
      fmt::format("{} -> {}", format_bytes(tensor.from_bytes), format_bytes(tensor.to_bytes));
  const std::string types =
      tensor.from == tensor.to
          ? std::string(tensor::dtype_name(tensor.to))
          : fmt::format("{} -> {}", tensor::dtype_name(tensor.from), tensor::dtype_name(tensor.to));
  std::string line = fmt::format("{:<32} {:<14} {}", escape_line(tensor.name), types, sizes);
  if (tensor.from != tensor.to) {
    line = fmt::format("{:<72} error {:.3f} %", line, 100.0 * tensor.relative_error);
  }
  return line + "\n";
}

Result<void> check_source(const fs::path& source, const fs::path& destination) {
  std::error_code ignored;
  if (fs::is_directory(source, ignored)) {
    return make_error(ErrorCode::kUnsupported, "{}: expected a GGUF file, found a folder", source.string());
  }
  if (fs::equivalent(source, destination, ignored)) {
    return make_error(ErrorCode::kInvalidArgument, "{}: expected another file than the source",
                      destination.string());
  }
  return {};
}

nlohmann::ordered_json json_of(const QuantizeCommandOptions& options, const models::Scheme& scheme,
                               const models::QuantizeReport& report) {
  nlohmann::ordered_json object{
      {"file", options.destination},     {"type", scheme.name},
      {"bytes", report.file_bytes},      {"weight_bytes_before", report.from_bytes},
      {"weight_bytes", report.to_bytes}, {"bits_per_weight", report.bits_per_weight()}};
  if (!options.verbose) return object;
  object["tensors"] = nlohmann::ordered_json::array();
  for (const models::QuantizedTensor& tensor : report.tensors) {
    object["tensors"].push_back({{"name", tensor.name},
                                 {"from", tensor::dtype_name(tensor.from)},
                                 {"type", tensor::dtype_name(tensor.to)},
                                 {"relative_error", tensor.relative_error}});
  }
  return object;
}

Result<void> quantize(const QuantizeCommandOptions& options, const Context& context) {
  HEARTH_ASSIGN(const models::Scheme* scheme, models::find_scheme(options.type));
  HEARTH_TRY(check_source(options.source, options.destination));
  HEARTH_ASSIGN(const auto checkpoint, open_model(options.source));
  const auto existing = options.force ? OutputFile::Existing::kReplace : OutputFile::Existing::kRefuse;
  auto created = OutputFile::create(options.destination, existing);
  std::error_code ignored;
  if (!created && !options.force && fs::is_regular_file(options.destination, ignored)) {
    return make_error(created.error().code(), "{} (--force replaces it)", created.error().message());
  }
  if (!created) return created.error();
  OutputFile& file = *created;

  ProgressLine line(context.console);
  const double began = monotonic_seconds();
  models::QuantizeOptions quantize;
  quantize.scheme = scheme;
  quantize.n_threads = threads_or_default(options.n_threads);
  quantize.allow_requantize = options.allow_requantize;
  quantize.measure_errors = options.verbose;
  quantize.begin_file = [&](uint64_t size_bytes) { return file.reserve(size_bytes); };
  bool printed = true;
  quantize.progress = [&](const models::QuantizeProgress& progress) {
    if (options.verbose && !options.json && progress.finished != nullptr) {
      line.show("");
      printed = write_output(line_of(*progress.finished)).has_value();
    }
    const double elapsed = std::max(monotonic_seconds() - began, 0.001);
    const double rate = static_cast<double>(progress.done_bytes) / elapsed;
    const double left = static_cast<double>(progress.total_bytes - progress.done_bytes) / std::max(rate, 1.0);
    line.show(fmt::format("quantizing: {} of {} ({}/s), {} left", format_bytes(progress.done_bytes),
                          format_bytes(progress.total_bytes), format_bytes(static_cast<uint64_t>(rate)),
                          format_seconds(left)));
    return printed && !interrupted();
  };
  HEARTH_ASSIGN(const models::QuantizeReport report,
                models::quantize_checkpoint(*checkpoint, quantize, [&](std::span<const std::byte> bytes) {
                  return file.append(bytes);
                }));
  if (interrupted()) return make_error(ErrorCode::kCancelled, "stopped");
  HEARTH_TRY(file.finish());
  line.show("");
  const double elapsed = std::max(monotonic_seconds() - began, 0.001);
  context.console.note(
      fmt::format("{}: {}, {} -> {}, {:.2f} bits per weight; {} ({}/s)", options.destination, scheme->name,
                  format_bytes(report.from_bytes), format_bytes(report.to_bytes), report.bits_per_weight(),
                  format_seconds(elapsed),
                  format_bytes(static_cast<uint64_t>(static_cast<double>(report.from_bytes) / elapsed))));
  return options.json ? write_json(json_of(options, *scheme, report)) : Result<void>();
}

std::string scheme_names() {
  std::string names;
  for (const models::Scheme& scheme : models::all_schemes()) {
    if (!names.empty()) names += ", ";
    names += scheme.name;
  }
  return names;
}

}  // namespace

void add_quantize_command(CLI::App& parser, Action& action) {
  auto options = std::make_shared<QuantizeCommandOptions>();
  CLI::App* command = parser.add_subcommand("quantize", "Write a model with weights of fewer bits");
  command->add_option("SOURCE", options->source, "a GGUF file of F32, F16 or BF16 weights")
      ->required()
      ->type_name("");
  command->add_option("DESTINATION", options->destination, "the GGUF file to write")
      ->required()
      ->type_name("");
  command->add_option("--type", options->type, "the weights' type: Q4_K_M, Q8_0, ...")
      ->required()
      ->type_name("TYPE");
  add_worker_threads_option(*command, options->n_threads);
  command->add_flag("--allow-requantize", options->allow_requantize,
                    "take weights that are quantised already, which lose a second time");
  command->add_flag("--force", options->force, "replace DESTINATION where it is there");
  command->add_flag("--verbose", options->verbose,
                    "print each tensor's types, sizes and error (in per cent of its root mean square)");
  command->add_flag("--json", options->json, "print one JSON object");
  command->footer(fmt::format(R"(Types: {}.
The _S, _M and _L ones give more bits to the tensors on which most depends. DESTINATION appears when it is whole.

Examples:
  hearth quantize model-f16.gguf model-q4_k_m.gguf --type Q4_K_M
  hearth quantize model-bf16.gguf model-q8_0.gguf --type q8_0 --threads 4 --verbose)",
                              scheme_names()));
  command->callback([options, &action] {
    action = [options](const Context& context) { return quantize(*options, context); };
  });
}

}  // namespace hearth::cli
