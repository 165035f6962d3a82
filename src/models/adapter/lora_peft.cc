#include "models/adapter/lora_peft.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/check.h"
#include "base/excerpt.h"
#include "base/json_text.h"
#include "base/output_file.h"
#include "formats/safetensors/folder.h"
#include "formats/safetensors/writer.h"
#include "models/blocks/rope.h"
#include "models/config_reader.h"
#include "models/huggingface/config.h"
#include "models/huggingface/tensor_names.h"
#include "quant/half.h"

namespace hearth::models {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::string_view kConfigName = "adapter_config.json";
constexpr std::string_view kWeightsName = "adapter_model.safetensors";
constexpr std::string_view kPrefix = "base_model.model.";
constexpr uint64_t kMaxConfigBytes = 16'000'000;
constexpr uint64_t kMaxWeightsBytes = uint64_t{1} << 40;

// What of a base decides how Hugging Face names its matrices and orders their rows.
struct BaseForm {
  const HuggingFaceFamily* family = nullptr;
  bool has_pairs = false;
  int64_t n_heads = 0;
  int64_t n_kv_heads = 0;

  // Of a matrix whose rows are ordered otherwise; 0: they are not.
  int64_t heads_of(std::string_view weight) const {
    if (!has_pairs) return 0;
    if (weight.ends_with(".attn_q.weight")) return n_heads;
    return weight.ends_with(".attn_k.weight") ? n_kv_heads : 0;
  }
};

// Families that Hearth reads no folders of, whose matrices have the names of the llama's.
constexpr std::array kOtherFamilies{
    HuggingFaceFamily{.class_name = "Gemma2ForCausalLM", .architecture = "gemma2"},
    HuggingFaceFamily{.class_name = "Glm4ForCausalLM", .architecture = "glm4"},
    HuggingFaceFamily{.class_name = "GraniteForCausalLM", .architecture = "granite"},
    HuggingFaceFamily{.class_name = "Olmo2ForCausalLM", .architecture = "olmo2"},
    HuggingFaceFamily{.class_name = "SmolLM3ForCausalLM", .architecture = "smollm3"}};

const HuggingFaceFamily* find_family(std::string_view architecture) {
  for (const HuggingFaceFamily& family : huggingface_families()) {
    if (family.architecture == architecture && !family.nested) return &family;
  }
  const auto* const other =
      std::find_if(kOtherFamilies.begin(), kOtherFamilies.end(),
                   [&](const HuggingFaceFamily& family) { return family.architecture == architecture; });
  return other != kOtherFamilies.end() ? other : nullptr;
}

Result<BaseForm> form_of(const Checkpoint& base) {
  const ConfigReader reader(base);
  BaseForm form;
  form.family = find_family(reader.architecture());
  if (form.family == nullptr) {
    return make_error(
        ErrorCode::kUnsupported,
        "{}: adapters of PEFT are known of llama, qwen2, qwen3, phi3, gemma2, gemma3, glm4, granite, "
        "olmo2 and smollm3, not of {}",
        base.name(), reader.architecture());
  }
  if (!is_converted_to_pairs(reader.architecture())) return form;
  HEARTH_ASSIGN(const tensor::RopeStyle style,
                read_rope_style(base, reader.architecture(), tensor::RopeStyle::kInterleaved));
  form.has_pairs = style == tensor::RopeStyle::kInterleaved;
  HEARTH_ASSIGN(form.n_heads, reader.count("attention.head_count"));
  HEARTH_ASSIGN(form.n_kv_heads, reader.count_or("attention.head_count_kv", form.n_heads));
  return form;
}

// Row h d + 2 i + j here is row h d + j d / 2 + i there.
enum class Rows { kToPairs, kToHalves };
Result<void> reorder(LoraMatrix& matrix, int64_t n_heads, Rows rows) {
  if (n_heads == 0) return {};
  if (matrix.rows % (2 * n_heads) != 0) {
    return make_error(ErrorCode::kMalformed, "{}: expected rows of {} heads, found {}", matrix.weight,
                      n_heads, matrix.rows);
  }
  const int64_t half = matrix.rows / n_heads / 2;
  const std::vector<float> before = matrix.b;
  for (int64_t row = 0; row < matrix.rows; ++row) {
    const int64_t head = row / (2 * half);
    const int64_t within = row % (2 * half);
    const int64_t from =
        rows == Rows::kToPairs ? within % 2 * half + within / 2 : within % half * 2 + within / half;
    std::copy_n(before.begin() + (head * 2 * half + from) * matrix.rank, matrix.rank,
                matrix.b.begin() + row * matrix.rank);
  }
  return {};
}

struct Config {
  int64_t rank = 0;
  double scale = 0.0;
};

// A start that changes the base's weights, too: the adapter is nothing without these.
bool changes_base(const json& config) {
  const auto found = config.find("init_lora_weights");
  return found != config.end() && found->is_string() && *found != "gaussian" && *found != "orthogonal" &&
         *found != "eva";
}

Result<Config> read_config(std::string_view text) {
  auto parsed = parse_json(text);
  if (!parsed) return parsed.error().in(kConfigName);
  HEARTH_ASSIGN(const HuggingFaceConfig config, HuggingFaceConfig::of(*parsed, std::string(kConfigName)));
  HEARTH_TRY(config.expect("peft_type", "LORA"));
  for (const char* flag : {"use_dora", "use_qalora", "fan_in_fan_out", "lora_bias"})
    HEARTH_TRY(config.expect(flag, false));
  HEARTH_TRY(config.expect("bias", "none"));
  for (const char* pattern : {"rank_pattern", "alpha_pattern"})
    HEARTH_TRY(config.expect(pattern, json::object()));
  if (changes_base(*parsed)) {
    return config.unsupported("init_lora_weights", "a start that leaves the base as it is");
  }
  HEARTH_ASSIGN(const uint32_t rank, config.required_count("r"));
  HEARTH_ASSIGN(const double alpha, config.required_number("lora_alpha"));
  HEARTH_ASSIGN(const bool rank_stabilised, config.flag("use_rslora", false));
  // Which matrices there are, the tensors say; the rest is about training.
  config.ignore({"auto_mapping", "base_model_name_or_path", "revision", "task_type", "inference_mode",
                 "target_modules", "exclude_modules", "layers_to_transform", "layers_pattern", "lora_dropout",
                 "init_lora_weights", "loftq_config", "eva_config", "corda_config", "megatron_config",
                 "megatron_core", "peft_version", "qalora_group_size", "ensure_weight_tying"});
  HEARTH_TRY(config.check_all_known());
  const auto r = static_cast<double>(rank);
  return Config{rank, alpha / (rank_stabilised ? std::sqrt(r) : r)};
}

Result<std::vector<float>> read_values(const safetensors::TensorInfo& tensor) {
  const bool is_half = tensor.dtype == safetensors::DType::kF16 || tensor.dtype == safetensors::DType::kBF16;
  if (!is_half && tensor.dtype != safetensors::DType::kF32) {
    return make_error(ErrorCode::kUnsupported, "tensor {}: expected F32, F16 or BF16, found {}",
                      excerpt(tensor.name), safetensors::dtype_name(tensor.dtype));
  }
  std::vector<float> values(tensor.data.size() / (is_half ? sizeof(uint16_t) : sizeof(float)));
  if (!is_half) {
    std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
    return values;
  }
  for (size_t i = 0; i < values.size(); ++i) {
    uint16_t bits = 0;
    std::memcpy(&bits, tensor.data.data() + i * sizeof(bits), sizeof(bits));
    values[i] = tensor.dtype == safetensors::DType::kF16 ? quant::f16_to_f32(bits) : quant::bf16_to_f32(bits);
  }
  return values;
}

struct Pair {
  const safetensors::TensorInfo* a = nullptr;
  const safetensors::TensorInfo* b = nullptr;
};

// By GGUF's names of the weights that they adapt.
Result<std::map<std::string, Pair>> find_pairs(const safetensors::File& file,
                                               const HuggingFaceFamily& family) {
  std::map<std::string, Pair> pairs;
  for (const safetensors::TensorInfo& tensor : file.tensors()) {
    constexpr std::string_view kA = ".lora_A.weight";
    constexpr std::string_view kB = ".lora_B.weight";
    const std::string_view name = tensor.name;
    const bool is_a = name.ends_with(kA);
    std::optional<TensorName> weight;
    if (name.starts_with(kPrefix) && (is_a || name.ends_with(kB))) {
      const std::string_view module = name.substr(kPrefix.size(), name.size() - kPrefix.size() - kA.size());
      weight = gguf_name(fmt::format("{}.weight", module), family);
    }
    if (!weight) {
      return make_error(ErrorCode::kUnsupported,
                        "expected tensors {}MODULE{} and {} of modules that a {} has, found {}", kPrefix, kA,
                        kB, family.architecture, excerpt(name));
    }
    Pair& pair = pairs[weight->module + ".weight"];
    (is_a ? pair.a : pair.b) = &tensor;
  }
  return pairs;
}

Result<LoraMatrix> read_matrix(const std::string& weight, const Pair& pair, const Config& config,
                               const BaseForm& form) {
  if (pair.a == nullptr || pair.b == nullptr) {
    const safetensors::TensorInfo& found = pair.a != nullptr ? *pair.a : *pair.b;
    return make_error(ErrorCode::kMalformed, "expected lora_A and lora_B of a module, found {} alone",
                      excerpt(found.name));
  }
  const auto rank = static_cast<uint64_t>(config.rank);
  constexpr uint64_t kMost = uint64_t{1} << 30;
  const auto& a = pair.a->shape;
  const auto& b = pair.b->shape;
  if (a.size() != 2 || b.size() != 2 || a[0] != rank || b[1] != rank || rank == 0 || a[1] == 0 ||
      a[1] > kMost || b[0] == 0 || b[0] > kMost) {
    return make_error(
        ErrorCode::kMalformed, "{}: expected A [{}, columns] and B [rows, {}], as r is {}, found {} and {}",
        excerpt(pair.a->name), rank, rank, rank, safetensors::shape_text(a), safetensors::shape_text(b));
  }
  LoraMatrix matrix;
  matrix.weight = weight;
  matrix.rank = config.rank;
  matrix.rows = static_cast<int64_t>(b[0]);
  matrix.columns = static_cast<int64_t>(a[1]);
  matrix.scale = static_cast<float>(config.scale);
  HEARTH_ASSIGN(matrix.a, read_values(*pair.a));
  HEARTH_ASSIGN(matrix.b, read_values(*pair.b));
  HEARTH_TRY(reorder(matrix, form.heads_of(weight), Rows::kToPairs));
  return matrix;
}

Result<std::vector<LoraMatrix>> read_matrices(const safetensors::File& file, const Config& config,
                                              const BaseForm& form) {
  auto pairs = find_pairs(file, *form.family);
  if (!pairs) return pairs.error().in(file.name());
  std::vector<LoraMatrix> matrices;
  for (const auto& [weight, pair] : *pairs) {
    auto matrix = read_matrix(weight, pair, config, form);
    if (!matrix) return matrix.error().in(file.name());
    matrices.push_back(std::move(*matrix));
  }
  return matrices;
}

// "blk.3.attn_q.weight" -> "model.layers.3.self_attn.q_proj"
bool has_fused_gate(const HuggingFaceFamily& family) {
  return family.architecture == "phi3" || family.architecture == "glm4";
}

Result<std::string> module_of(const std::string& weight, const HuggingFaceFamily& family) {
  const size_t layer_end = weight.find('.', 4);
  for (const char* module :
       {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "self_attn.qkv_proj",
        "mlp.gate_proj", "mlp.up_proj", "mlp.gate_up_proj", "mlp.down_proj"}) {
    if (!weight.starts_with("blk.") || layer_end == std::string::npos) break;
    // Both of these are ffn_up; which one a family has, it alone knows.
    const bool is_fused = std::string_view(module).find("gate_up") != std::string_view::npos;
    if (is_fused != has_fused_gate(family) && weight.find(".ffn_up.") != std::string::npos) continue;
    std::string name = fmt::format("model.layers.{}.{}", weight.substr(4, layer_end - 4), module);
    const auto found = gguf_name(name + ".weight", family);
    if (found && found->module + ".weight" == weight) return name;
  }
  return make_error(ErrorCode::kUnsupported, "{}: expected a module that PEFT knows of a {}", weight,
                    family.architecture);
}

nlohmann::ordered_json config_of(const LoraAdapter& adapter, const std::set<std::string>& targets,
                                 const PeftDescription& description) {
  return {{"peft_type", "LORA"},
          {"task_type", "CAUSAL_LM"},
          {"base_model_name_or_path", description.base_model},
          {"r", adapter.matrices.front().rank},
          {"lora_alpha", description.alpha},
          {"use_rslora", description.rank_stabilised},
          {"lora_dropout", 0.0},
          {"bias", "none"},
          {"fan_in_fan_out", false},
          {"inference_mode", true},
          {"target_modules", targets}};
}

Result<void> write_text(const fs::path& path, const std::string& text) {
  HEARTH_ASSIGN(OutputFile file, OutputFile::create(path, OutputFile::Existing::kReplace));
  HEARTH_TRY(file.append(std::as_bytes(std::span(text))));
  return file.finish();
}

}  // namespace

bool is_converted_to_pairs(std::string_view architecture) {
  return architecture == "llama" || architecture == "granite" || architecture == "smollm3";
}

Result<LoraAdapter> parse_peft_adapter(std::string_view text, const safetensors::File& weights,
                                       const Checkpoint& base) {
  HEARTH_ASSIGN(const Config config, read_config(text));
  HEARTH_ASSIGN(const BaseForm form, form_of(base));
  HEARTH_ASSIGN(std::vector<LoraMatrix> matrices, read_matrices(weights, config, form));
  return LoraAdapter{weights.name(), std::move(matrices)};
}

Result<LoraAdapter> read_peft_adapter(const fs::path& path, const Checkpoint& base) {
  HEARTH_ASSIGN(const safetensors::Folder folder, safetensors::Folder::open(path));
  const auto read = [&]() -> Result<LoraAdapter> {
    HEARTH_ASSIGN(const MappedFile config, folder.map(kConfigName, kMaxConfigBytes));
    HEARTH_ASSIGN(MappedFile weights, folder.map(kWeightsName, kMaxWeightsBytes));
    HEARTH_ASSIGN(const safetensors::File file,
                  safetensors::File::of(std::move(weights), std::string(kWeightsName)));
    return parse_peft_adapter({reinterpret_cast<const char*>(config.bytes().data()), config.bytes().size()},
                              file, base);
  };
  auto adapter = read();
  if (!adapter) return adapter.error().in(path.string());
  adapter->name = path.string();
  return adapter;
}

Result<void> write_peft_adapter(const fs::path& folder, const LoraAdapter& adapter, const Checkpoint& base,
                                const PeftDescription& description) {
  HEARTH_CHECK(!adapter.matrices.empty());
  HEARTH_ASSIGN(const BaseForm form, form_of(base));
  std::vector<LoraMatrix> matrices = adapter.matrices;
  std::vector<safetensors::DraftTensor> tensors;
  std::set<std::string> targets;
  for (LoraMatrix& matrix : matrices) {
    HEARTH_CHECK(matrix.rank == matrices.front().rank);
    HEARTH_TRY(reorder(matrix, form.heads_of(matrix.weight), Rows::kToHalves));
    HEARTH_ASSIGN(const std::string module, module_of(matrix.weight, *form.family));
    targets.insert(module.substr(module.rfind('.') + 1));
    const auto add = [&](const char* part, int64_t rows, int64_t columns, const std::vector<float>& values) {
      tensors.push_back({fmt::format("{}{}.{}.weight", kPrefix, module, part),
                         safetensors::DType::kF32,
                         {static_cast<uint64_t>(rows), static_cast<uint64_t>(columns)},
                         std::as_bytes(std::span(values))});
    };
    add("lora_A", matrix.rank, matrix.columns, matrix.a);
    add("lora_B", matrix.rows, matrix.rank, matrix.b);
  }
  HEARTH_TRY(
      write_text(folder / kConfigName, config_of(adapter, targets, description).dump(/*indent=*/2) + "\n"));
  const std::vector<safetensors::MetadataEntry> metadata{{"format", "pt"}};
  return safetensors::write_file(folder / kWeightsName, tensors, metadata);
}

}  // namespace hearth::models
