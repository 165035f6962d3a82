// hearth inspect: what is in a model file, and what Hearth will do with it.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/model_loading.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/units.h"
#include "engine/local_runner.h"
#include "models/encoder.h"
#include "models/kv_groups.h"
#include "models/model.h"

namespace hearth::cli {
namespace {

struct InspectOptions {
  std::string file;
  int64_t context_tokens = 0;
  models::KvTypes kv_types;
  bool json = false;
};

struct TypeTotal {
  size_t n_tensors = 0;
  uint64_t n_elements = 0;
  uint64_t size_bytes = 0;
};
using TypeTotals = std::map<std::string_view, TypeTotal>;

// What running the model would take, or why it cannot be run.
struct Verdict {
  std::string architecture;
  bool architecture_known = false;
  bool is_encoder = false;
  std::string problem;  // empty: it runs
  std::string backend;
  int64_t width = 0;
  int64_t context_tokens = 0;
  int64_t trained_context_tokens = 0;
  uint64_t n_parameters = 0;
  uint64_t weight_bytes = 0;
  uint64_t kv_bytes = 0;
  uint64_t workspace_bytes = 0;
  uint64_t total_bytes() const { return weight_bytes + kv_bytes + workspace_bytes; }
};

TypeTotals total_by_type(const models::Checkpoint& file) {
  TypeTotals totals;
  for (const gguf::TensorInfo& tensor : file.tensors()) {
    TypeTotal& total = totals[tensor::dtype_name(tensor.dtype)];
    ++total.n_tensors;
    total.n_elements += static_cast<uint64_t>(tensor.shape.n_elements());
    total.size_bytes += tensor.size_bytes;
  }
  return totals;
}

Result<void> judge_memory(const models::Checkpoint& file, const Context& context,
                          const InspectOptions& options, Verdict& verdict) {
  HEARTH_ASSIGN(const auto backend, context.make_backend(threads_or_default(0)));
  verdict.backend = backend->description();
  HEARTH_ASSIGN(const int64_t context_tokens, models::trained_context_tokens(file));
  HEARTH_ASSIGN(const auto model, models::load_model(file, *backend, context_tokens));
  const models::ModelInfo& info = model->info();
  verdict.trained_context_tokens = info.context_tokens;
  verdict.context_tokens = options.context_tokens > 0
                               ? options.context_tokens
                               : std::min(info.context_tokens, engine::kDefaultContextTokens);
  verdict.n_parameters = info.n_parameters;
  verdict.weight_bytes = info.weight_bytes;
  HEARTH_TRY(models::KvCache::check_types(*backend, info.kv_layers, options.kv_types));
  const engine::LocalRunnerOptions step;
  const models::KvDemand demand{.context_tokens = verdict.context_tokens,
                                .max_step_tokens = step.max_step_tokens};
  verdict.kv_bytes = models::kv_cache_bytes(info.kv_layers, demand, options.kv_types);
  verdict.workspace_bytes = model->workspace_bytes(step.max_step_tokens, step.max_step_logits);
  return {};
}

// An encoder keeps nothing of past tokens, and takes a text at once.
Result<void> judge_encoder(const models::Checkpoint& file, const Context& context, Verdict& verdict) {
  HEARTH_ASSIGN(const auto backend, context.make_backend(threads_or_default(0)));
  verdict.backend = backend->description();
  HEARTH_ASSIGN(const auto encoder, models::load_encoder(file, *backend));
  const models::EncoderInfo& info = encoder->info();
  verdict.width = info.width;
  verdict.context_tokens = verdict.trained_context_tokens = info.context_tokens;
  verdict.n_parameters = info.n_parameters;
  verdict.weight_bytes = info.weight_bytes;
  verdict.workspace_bytes = encoder->workspace_bytes({&info.context_tokens, 1});
  return {};
}

Verdict judge(const models::Checkpoint& file, const Context& context, const InspectOptions& options) {
  Verdict verdict;
  if (const auto architecture = file.string("general.architecture")) verdict.architecture = *architecture;
  const auto known = models::known_architectures();
  verdict.is_encoder = models::is_encoder(file);
  verdict.architecture_known =
      verdict.is_encoder || std::find(known.begin(), known.end(), verdict.architecture) != known.end();
  if (file.tensors().empty()) {
    verdict.problem = "the file has no weights (a vocabulary alone; hearth tokenize works with it)";
  } else if (const auto judged = verdict.is_encoder ? judge_encoder(file, context, verdict)
                                                    : judge_memory(file, context, options, verdict);
             !judged) {
    verdict.problem = judged.error().message();
  }
  return verdict;
}

std::string table_of_contents(const models::Checkpoint& file) {
  const models::CheckpointFiles files = file.files();
  std::string out =
      fmt::format("{}: {}, {}", escape_line(file.name()), files.format, format_bytes(files.size_bytes));
  if (files.n_parts > 1) out += fmt::format(" in {} parts", files.n_parts);
  out += fmt::format("\n\nMetadata: {} entries\n", file.metadata().size());
  for (const gguf::MetadataEntry& entry : file.metadata()) {
    out += fmt::format("  {:<44} {:<8} {}\n", escape_line(entry.key),
                       gguf::value_type_name(entry.value.type()), escape_line(entry.value.to_string()));
  }
  out += fmt::format("\nTensors: {}\n", file.tensors().size());
  for (const gguf::TensorInfo& tensor : file.tensors()) {
    out += fmt::format("  {:<44} {:<8} {:<22} {:>10}\n", escape_line(tensor.name),
                       tensor::dtype_name(tensor.dtype), tensor.shape.to_string(),
                       format_bytes(tensor.size_bytes));
  }
  out += "\nBy type\n";
  for (const auto& [type, total] : total_by_type(file)) {
    out += fmt::format("  {:<8} {:>5} tensors {:>20} elements {:>10}\n", type, total.n_tensors,
                       group_digits(total.n_elements), format_bytes(total.size_bytes));
  }
  return out;
}

std::string table_of_verdict(const Verdict& verdict) {
  std::string out = "\nWhat Hearth does with it\n";
  const auto row = [&out](std::string_view name, std::string_view value) {
    out += fmt::format("  {:<16} {}\n", name, value);
  };
  row("architecture",
      fmt::format("{} ({})", verdict.architecture.empty() ? "none" : escape_line(verdict.architecture),
                  verdict.architecture_known ? "known" : "not known"));
  if (!verdict.backend.empty()) row("kernels", verdict.backend);
  if (!verdict.problem.empty()) {
    row("runs", fmt::format("no: {}", escape_line(verdict.problem)));
    return out;
  }
  row("runs", "yes");
  row("parameters", format_count(verdict.n_parameters));
  row("weights",
      fmt::format("{}, computed from where the file is mapped", format_bytes(verdict.weight_bytes)));
  if (verdict.is_encoder) {
    row("vectors", fmt::format("of {} numbers, for texts of up to {} tokens (hearth embed)", verdict.width,
                               verdict.context_tokens));
  } else {
    row("KV cache",
        fmt::format("{} for a context of {} tokens (trained for {})", format_bytes(verdict.kv_bytes),
                    verdict.context_tokens, verdict.trained_context_tokens));
  }
  row("work buffers", format_bytes(verdict.workspace_bytes));
  row("memory in all", format_bytes(verdict.total_bytes()));
  return out;
}

nlohmann::ordered_json json_of_verdict(const Verdict& verdict) {
  nlohmann::ordered_json object;
  object["architecture"] = verdict.architecture;
  object["architecture_known"] = verdict.architecture_known;
  object["encoder"] = verdict.is_encoder;
  object["runs"] = verdict.problem.empty();
  object["backend"] = verdict.backend;
  if (!verdict.problem.empty()) {
    object["problem"] = verdict.problem;
    return object;
  }
  object["n_parameters"] = verdict.n_parameters;
  object["context_tokens"] = verdict.context_tokens;
  object["trained_context_tokens"] = verdict.trained_context_tokens;
  object["weight_bytes"] = verdict.weight_bytes;
  object["kv_cache_bytes"] = verdict.kv_bytes;
  object["workspace_bytes"] = verdict.workspace_bytes;
  object["total_bytes"] = verdict.total_bytes();
  return object;
}

nlohmann::ordered_json json_of_value(const gguf::Value& value) {
  if (const auto text = value.as_string()) return std::string(*text);
  if (const auto flag = value.as_bool()) return *flag;
  if (const auto whole = value.as_i64()) return *whole;
  if (const auto whole = value.as_u64()) return *whole;
  if (const auto real = value.as_f64()) return *real;
  return value.to_string();  // an array: its first elements and their count
}

nlohmann::ordered_json json_of_file(const models::Checkpoint& file) {
  nlohmann::ordered_json object;
  object["name"] = file.name();
  const models::CheckpointFiles files = file.files();
  object["format"] = files.format;
  object["size_bytes"] = files.size_bytes;
  object["n_parts"] = files.n_parts;
  nlohmann::ordered_json& metadata = object["metadata"] = nlohmann::ordered_json::object();
  for (const gguf::MetadataEntry& entry : file.metadata())
    metadata[std::string(entry.key)] = json_of_value(entry.value);
  nlohmann::ordered_json& tensors = object["tensors"] = nlohmann::ordered_json::array();
  for (const gguf::TensorInfo& tensor : file.tensors()) {
    std::vector<int64_t> shape;
    for (size_t i = 0; i < tensor.shape.rank(); ++i) shape.push_back(tensor.shape[i]);
    tensors.push_back({{"name", std::string(tensor.name)},
                       {"type", std::string(tensor::dtype_name(tensor.dtype))},
                       {"shape", shape},
                       {"size_bytes", tensor.size_bytes}});
  }
  nlohmann::ordered_json& types = object["types"] = nlohmann::ordered_json::object();
  for (const auto& [type, total] : total_by_type(file)) {
    types[std::string(type)] = {
        {"tensors", total.n_tensors}, {"elements", total.n_elements}, {"size_bytes", total.size_bytes}};
  }
  return object;
}

Result<void> inspect(const InspectOptions& options, const Context& context) {
  HEARTH_ASSIGN(const auto checkpoint, open_model(options.file));
  const Verdict verdict = judge(*checkpoint, context, options);
  if (!options.json) return write_output(table_of_contents(*checkpoint) + table_of_verdict(verdict));
  nlohmann::ordered_json object = json_of_file(*checkpoint);
  object["hearth"] = json_of_verdict(verdict);
  return write_json(object);
}

constexpr const char* kInspectExamples = R"(Examples:
  hearth inspect model.gguf
  hearth inspect model.gguf --context 32768 --cache-type-k q8_0 --cache-type-v q8_0
  hearth inspect model.gguf --json | jq .hearth)";

}  // namespace

void add_inspect_command(CLI::App& parser, Action& action) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App* command = parser.add_subcommand("inspect", "Show what is in a model file and whether it runs");
  command->add_option("FILE", options->file, "the path of a GGUF file")->required()->type_name("");
  add_count_option(*command, "--context", options->context_tokens, 1, int64_t{1} << 30,
                   "tokens to reckon the KV cache for (default: the model's, at most 8192)");
  add_cache_type_options(*command, options->kv_types);
  command->add_flag("--json", options->json, "print one JSON object");
  command->footer(kInspectExamples);
  command->callback([options, &action] {
    action = [options](const Context& context) { return inspect(*options, context); };
  });
}

}  // namespace hearth::cli
