#include "train/base_model.h"

#include <algorithm>
#include <cstring>

#include "base/excerpt.h"
#include "models/blocks/attention.h"
#include "models/blocks/rope.h"
#include "models/config_reader.h"
#include "models/transformer.h"
#include "store/digest.h"

namespace hearth::train {
namespace {

constexpr std::string_view kFrequencies = "rope_freqs.weight";

Result<void> check_architecture(const models::Checkpoint& base) {
  HEARTH_ASSIGN(const std::string_view architecture, base.string("general.architecture"));
  if (architecture != "llama") {
    return make_error(ErrorCode::kUnsupported,
                      "{}: expected a model of the llama family, found one of {}, which Hearth cannot "
                      "fine-tune yet",
                      base.name(), quoted_excerpt(architecture));
  }
  HEARTH_ASSIGN(const tensor::RopeStyle style,
                models::read_rope_style(base, "llama", tensor::RopeStyle::kInterleaved));
  if (style == tensor::RopeStyle::kInterleaved) return {};
  return make_error(ErrorCode::kUnsupported,
                    "{}: expected a GGUF file, found a folder whose rows stand in another order",
                    base.name());
}

Result<std::vector<double>> read_frequencies(const models::Checkpoint& base, int64_t head_dim,
                                             int64_t context_tokens) {
  HEARTH_ASSIGN(const models::RopeConfig config,
                models::read_rope_config(base, "llama", head_dim, context_tokens));
  std::vector<float> factors;
  if (const gguf::TensorInfo* tensor = base.find_tensor(kFrequencies); tensor != nullptr) {
    HEARTH_ASSIGN(const std::span<const std::byte> bytes, base.data(*tensor));
    factors.resize(bytes.size() / sizeof(float));
    if (tensor->dtype != tensor::DType::kF32 || std::ssize(factors) != config.n_rotated / 2) {
      return make_error(ErrorCode::kMalformed, "{}: tensor {}: expected {} numbers in F32, found {} {}",
                        base.name(), kFrequencies, config.n_rotated / 2, tensor->shape.to_string(),
                        tensor::dtype_name(tensor->dtype));
    }
    std::memcpy(factors.data(), bytes.data(), bytes.size());
    if (!std::all_of(factors.begin(), factors.end(), [](float factor) { return factor > 0.0F; })) {
      return make_error(ErrorCode::kMalformed, "{}: tensor {}: expected positive factors, found others",
                        base.name(), kFrequencies);
    }
  }
  const models::Rope rope(config, tensor::RopeStyle::kInterleaved, factors);
  const tensor::RopeArgs args = rope.args();
  if (args.magnitude != 1.0F || args.n_rotated != head_dim) {
    return make_error(ErrorCode::kUnsupported,
                      "{}: expected heads that turn whole, by rotary embedding without YaRN's scaling, found "
                      "others, with which Hearth cannot fine-tune yet",
                      base.name());
  }
  return std::vector<double>(args.inverse_frequencies.begin(), args.inverse_frequencies.end());
}

// What is neither a tensor of the layout nor their frequencies would change what is computed.
Result<void> check_no_others(const models::Checkpoint& base, const DecoderLayout& layout) {
  for (const gguf::TensorInfo& tensor : base.tensors()) {
    const bool is_known =
        tensor.name == kFrequencies ||
        std::any_of(layout.parameters.begin(), layout.parameters.end(),
                    [&](const Parameter& parameter) { return parameter.name == tensor.name; });
    if (is_known) continue;
    return make_error(
        ErrorCode::kUnsupported,
        "{}: expected the tensors of a dense llama, found {}, with which Hearth cannot fine-tune "
        "yet",
        base.name(), excerpt(tensor.name));
  }
  return {};
}

}  // namespace

Result<DecoderConfig> read_base_config(const models::Checkpoint& base, int64_t context_tokens) {
  HEARTH_TRY(check_architecture(base));
  const models::ConfigReader reader(base);
  HEARTH_ASSIGN(const models::NormConfig norm, models::read_norm_config(reader, models::NormKind::kRms));
  HEARTH_ASSIGN(const models::TransformerConfig sizes, models::read_transformer_config(reader, norm));
  HEARTH_ASSIGN(const models::AttentionConfig attention, models::read_attention_config(reader, sizes.width));
  DecoderConfig config;
  config.vocabulary = sizes.vocabulary_size;
  config.width = sizes.width;
  config.n_layers = sizes.n_layers;
  config.n_heads = attention.n_heads;
  config.n_kv_heads = attention.n_kv_heads;
  HEARTH_ASSIGN(config.ffn_width, reader.count("feed_forward_length"));
  config.context_tokens = context_tokens == 0 ? sizes.context_tokens : context_tokens;
  if (config.context_tokens > sizes.context_tokens) {
    return make_error(ErrorCode::kInvalidArgument,
                      "{}: expected sequences of up to {} tokens, for which it was trained, found {}",
                      base.name(), sizes.context_tokens, config.context_tokens);
  }
  config.norm_epsilon = static_cast<double>(norm.epsilon);
  config.tied = base.find_tensor("output.weight") == nullptr;
  if (attention.head_dim * attention.n_heads != sizes.width || attention.v_head_dim != attention.head_dim) {
    return make_error(ErrorCode::kUnsupported,
                      "{}: expected heads that share the width of {}, found {} heads of {} and {}",
                      base.name(), sizes.width, attention.n_heads, attention.head_dim, attention.v_head_dim);
  }
  HEARTH_ASSIGN(config.rope_frequencies, read_frequencies(base, attention.head_dim, sizes.context_tokens));
  if (const auto good = check_config(config); !good) return good.error().in(base.name());
  HEARTH_TRY(check_no_others(base, DecoderLayout(config)));
  return config;
}

Result<std::string> checkpoint_digest(const models::Checkpoint& checkpoint) {
  store::Hasher hasher;
  for (const gguf::MetadataEntry& entry : checkpoint.metadata()) {
    hasher.update(store::bytes_of(entry.key));
    hasher.update(entry.value.bytes());
  }
  for (const gguf::TensorInfo& tensor : checkpoint.tensors()) {
    HEARTH_ASSIGN(const std::span<const std::byte> data, checkpoint.data(tensor));
    hasher.update(store::bytes_of(tensor.name));
    hasher.update(data);
  }
  return hasher.finish().hex();
}

}  // namespace hearth::train
