#include "models/quantization/scheme.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <string>

#include "base/excerpt.h"

namespace hearth::models {
namespace {

using gguf::TensorInfo;
using tensor::DType;

constexpr uint32_t kQ3_K_M = 12;
constexpr uint32_t kQ3_K_L = 13;
constexpr uint32_t kQ3_K_S = 11;
constexpr uint32_t kQ2_K = 10;
constexpr uint32_t kQ4_K_S = 14;
constexpr uint32_t kQ4_K_M = 15;
constexpr uint32_t kQ5_K_M = 17;

constexpr std::array kSchemes{
    Scheme{"Q2_K", DType::kQ2_K, kQ2_K},     Scheme{"Q3_K_S", DType::kQ3_K, kQ3_K_S},
    Scheme{"Q3_K_M", DType::kQ3_K, kQ3_K_M}, Scheme{"Q3_K_L", DType::kQ3_K, kQ3_K_L},
    Scheme{"Q4_0", DType::kQ4_0, 2},         Scheme{"Q4_1", DType::kQ4_1, 3},
    Scheme{"Q4_K_S", DType::kQ4_K, kQ4_K_S}, Scheme{"Q4_K_M", DType::kQ4_K, kQ4_K_M},
    Scheme{"Q5_0", DType::kQ5_0, 8},         Scheme{"Q5_1", DType::kQ5_1, 9},
    Scheme{"Q5_K_S", DType::kQ5_K, 16},      Scheme{"Q5_K_M", DType::kQ5_K, kQ5_K_M},
    Scheme{"Q6_K", DType::kQ6_K, 18},        Scheme{"Q8_0", DType::kQ8_0, 7},
    Scheme{"F16", DType::kF16, 1},           Scheme{"BF16", DType::kBF16, 32},
    Scheme{"F32", DType::kF32, 0},
};

bool is_plain(DType dtype) {
  return tensor::dtype_traits(dtype).block_elements == 1;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// A matrix (or several, one an expert) that multiplies, and is large enough to matter.
bool is_quantised(const TensorInfo& tensor) {
  size_t rank = tensor.shape.rank();
  for (size_t i = 0; rank > 1 && tensor.shape[i] == 1; ++i) --rank;
  if (rank < 2 || !tensor.name.ends_with("weight")) return false;
  // Norms, the routers of experts, positions, convolutions over a few tokens, and other small tables.
  constexpr std::string_view kNever[] = {
      "_norm.weight",     "ffn_gate_inp.weight", "altup",      "laurel",    "per_layer_model_proj",
      "position_embd",    "token_types.weight",  "ssm_conv1d", "time_mix_", "shortconv.conv.weight",
      "attn_rel_b.weight"};
  return std::ranges::none_of(kNever, [&](std::string_view part) { return contains(tensor.name, part); });
}

enum class Role { kTokenEmbedding, kOutput, kAttentionV, kAttentionK, kAttentionOutput, kFfnDown, kOther };

Role role_of(std::string_view name) {
  if (name == "output.weight") return Role::kOutput;
  if (name == "token_embd.weight" || name == "per_layer_token_embd.weight") return Role::kTokenEmbedding;
  for (const std::string_view part : {"attn_qkv.weight", "attn_kv_b.weight", "attn_v.weight"}) {
    if (contains(name, part)) return Role::kAttentionV;
  }
  if (contains(name, "attn_k.weight")) return Role::kAttentionK;
  if (contains(name, "attn_output.weight")) return Role::kAttentionOutput;
  return contains(name, "ffn_down") ? Role::kFfnDown : Role::kOther;
}

// Of "blk.7.ffn_down.weight"; -1 where there is none.
int64_t layer_of(std::string_view name) {
  constexpr std::string_view kPrefix = "blk.";
  if (!name.starts_with(kPrefix)) return -1;
  int64_t layer = -1;
  const auto [end, error] = std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), layer);
  return error == std::errc() ? layer : -1;
}

// What a rule may look at.
struct Model {
  int64_t n_layers = 0;
  int64_t n_experts = 0;
  bool is_tied = false;              // the token embedding is the output matrix, too
  bool has_eight_to_a_head = false;  // 80 layers in which eight heads share a key and a value: small attn_v
  std::vector<int64_t> attention_v;  // the layers that have such a tensor, in order
};

// The first and last eighth of the layers, and every third of the others.
bool deserves_more_bits(int64_t i, int64_t n) {
  return i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2;
}

// Hyperparameters are not checked here: what cannot be read counts as absent.
int64_t integer(const Checkpoint& checkpoint, std::string_view key) {
  const gguf::Value* architecture = checkpoint.find("general.architecture");
  const auto name = architecture == nullptr ? std::nullopt : architecture->as_string();
  const gguf::Value* value = checkpoint.find(fmt::format("{}.{}", name.value_or(""), key));
  return value == nullptr ? 0 : value->as_i64().value_or(0);
}

Model describe(const Checkpoint& checkpoint) {
  Model model;
  model.n_layers = integer(checkpoint, "block_count");
  model.n_experts = integer(checkpoint, "expert_count");
  model.is_tied = checkpoint.find_tensor("output.weight") == nullptr;
  const int64_t n_heads = integer(checkpoint, "attention.head_count");
  const int64_t n_kv_heads = integer(checkpoint, "attention.head_count_kv");
  model.has_eight_to_a_head = model.n_layers == 80 && n_kv_heads > 0 && n_heads / n_kv_heads == 8;
  for (const TensorInfo& tensor : checkpoint.tensors()) {
    if (role_of(tensor.name) == Role::kAttentionV) model.attention_v.push_back(layer_of(tensor.name));
  }
  std::ranges::sort(model.attention_v);
  return model;
}

DType type_of_attention_v(const Scheme& scheme, const Model& model, int64_t layer) {
  const auto n = static_cast<int64_t>(model.attention_v.size());
  const auto i = std::ranges::lower_bound(model.attention_v, layer) - model.attention_v.begin();
  DType dtype = scheme.dtype;
  switch (scheme.file_type) {
    case kQ2_K:
      dtype = DType::kQ3_K;
      break;
    case kQ3_K_M:
      dtype = i < 2 ? DType::kQ5_K : DType::kQ4_K;
      break;
    case kQ3_K_L:
      dtype = DType::kQ5_K;
      break;
    case kQ4_K_S:
      if (i < 4) dtype = DType::kQ5_K;
      break;
    case kQ4_K_M:
    case kQ5_K_M:
      if (deserves_more_bits(i, n)) dtype = DType::kQ6_K;
      break;
    default:
      break;
  }
  if (model.has_eight_to_a_head && (dtype == DType::kQ3_K || dtype == DType::kQ4_K)) dtype = DType::kQ5_K;
  return dtype;
}

DType type_of_ffn_down(const Scheme& scheme, const Model& model, int64_t layer) {
  const int64_t n = model.n_layers;
  switch (scheme.file_type) {
    case kQ2_K:
      return DType::kQ3_K;
    case kQ3_K_M:
      return layer < n / 16 ? DType::kQ5_K : DType::kQ4_K;
    case kQ3_K_L:
      return DType::kQ5_K;
    case kQ4_K_S:
      return layer < n / 8 ? DType::kQ5_K : scheme.dtype;
    case kQ4_K_M:
    case kQ5_K_M:
      return deserves_more_bits(layer, n) ? DType::kQ6_K : scheme.dtype;
    default:
      return scheme.dtype;
  }
}

DType type_of_attention_output(const Scheme& scheme, const Model& model) {
  if (model.n_experts == 8) {
    const bool is_small = scheme.dtype == DType::kQ2_K || scheme.dtype == DType::kQ4_K ||
                          (scheme.dtype == DType::kQ3_K && scheme.file_type != kQ3_K_L);
    return is_small ? DType::kQ5_K : scheme.dtype;
  }
  switch (scheme.file_type) {
    case kQ2_K:
      return DType::kQ3_K;
    case kQ3_K_M:
      return DType::kQ4_K;
    case kQ3_K_L:
      return DType::kQ5_K;
    default:
      return scheme.dtype;
  }
}

DType wanted_type(const TensorInfo& tensor, const Scheme& scheme, const Model& model) {
  const Role role = role_of(tensor.name);
  const int64_t layer = layer_of(tensor.name);
  if (role == Role::kOutput || (role == Role::kTokenEmbedding && model.is_tied)) {
    const bool fits = tensor.shape.back() % tensor::dtype_traits(scheme.dtype).block_elements == 0;
    return !fits || scheme.dtype == DType::kQ8_0 ? DType::kQ8_0 : DType::kQ6_K;
  }
  if (role == Role::kAttentionV) {
    // Of eight experts, attention is so small a part that it costs next to nothing.
    return model.n_experts == 8 ? DType::kQ8_0 : type_of_attention_v(scheme, model, layer);
  }
  if (role == Role::kAttentionK) return model.n_experts == 8 ? DType::kQ8_0 : scheme.dtype;
  if (role == Role::kFfnDown) return type_of_ffn_down(scheme, model, layer);
  if (role == Role::kAttentionOutput) return type_of_attention_output(scheme, model);
  return scheme.dtype;
}

bool fits(int64_t n_columns, DType dtype) {
  return n_columns % tensor::dtype_traits(dtype).block_elements == 0;
}

// For rows that are no whole number of 256.
DType smaller_block(DType dtype) {
  switch (dtype) {
    case DType::kQ2_K:
    case DType::kQ3_K:
      return DType::kQ4_0;
    case DType::kQ4_K:
      return DType::kQ5_0;
    case DType::kQ5_K:
      return DType::kQ5_1;
    case DType::kQ6_K:
      return DType::kQ8_0;
    default:
      return dtype;
  }
}

DType planned_type(const TensorInfo& tensor, const Scheme& scheme, const Model& model) {
  if (!is_quantised(tensor)) return tensor.dtype;
  if (is_plain(scheme.dtype)) return scheme.dtype;
  DType dtype = wanted_type(tensor, scheme, model);
  if (!fits(tensor.shape.back(), dtype)) dtype = smaller_block(dtype);
  if (fits(tensor.shape.back(), dtype)) return dtype;
  return tensor.dtype == DType::kBF16 ? DType::kBF16 : DType::kF16;
}

std::string upper(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return result;
}

}  // namespace

std::span<const Scheme> all_schemes() noexcept {
  return kSchemes;
}

Result<const Scheme*> find_scheme(std::string_view name) {
  std::string wanted = upper(name);
  if (wanted == "Q3_K" || wanted == "Q4_K" || wanted == "Q5_K") wanted += "_M";
  const auto* found = std::ranges::find(kSchemes, wanted, &Scheme::name);
  if (found != kSchemes.end()) return &*found;
  std::string names;
  for (const Scheme& scheme : kSchemes) {
    if (!names.empty()) names += ", ";
    names += scheme.name;
  }
  return make_error(ErrorCode::kInvalidArgument, "expected a type of quantisation ({}), found {}", names,
                    quoted_excerpt(name));
}

std::vector<DType> plan_types(const Checkpoint& checkpoint, const Scheme& scheme) {
  const Model model = describe(checkpoint);
  std::vector<DType> types;
  types.reserve(checkpoint.tensors().size());
  for (const TensorInfo& tensor : checkpoint.tensors()) types.push_back(planned_type(tensor, scheme, model));
  return types;
}

}  // namespace hearth::models
