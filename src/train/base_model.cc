#include "train/base_model.h"

#include <algorithm>

#include "models/adapter/lora_peft.h"
#include "models/config_reader.h"
#include "models/model.h"
#include "models/residual_transformer.h"
#include "store/digest.h"

namespace hearth::train {
namespace {

// What a model has that training does not compute.
Error unsupported(const models::Checkpoint& base, std::string_view what) {
  return Error(ErrorCode::kUnsupported,
               fmt::format("{}: Hearth cannot fine-tune a model with {} yet", base.name(), what));
}

// An adapter has its rows in GGUF's order.
Result<void> check_row_order(const models::Checkpoint& base, std::string_view architecture) {
  if (!models::is_converted_to_pairs(architecture)) return {};
  HEARTH_ASSIGN(const tensor::RopeStyle style,
                models::read_rope_style(base, architecture, tensor::RopeStyle::kInterleaved));
  if (style == tensor::RopeStyle::kInterleaved) return {};
  return make_error(ErrorCode::kUnsupported,
                    "{}: expected a GGUF file, found a folder whose rows stand in another order",
                    base.name());
}

LayerPositions positions_of(const models::AttentionConfig& attention) {
  LayerPositions positions;
  positions.window = attention.window;
  if (attention.rope == nullptr) return positions;
  const tensor::RopeArgs args = attention.rope->args();
  positions.frequencies.assign(args.inverse_frequencies.begin(), args.inverse_frequencies.end());
  positions.magnitude = static_cast<double>(args.magnitude);
  return positions;
}

Result<void> check_attention(const models::Checkpoint& base, const models::ResidualLayerConfig& layer) {
  const models::AttentionConfig& attention = layer.attention;
  const bool has_plain_keys = attention.has_kv() && !attention.keys_are_values && !attention.normalise_values;
  if (layer.delta_net || layer.latent_attention || !attention.causal || !has_plain_keys)
    return unsupported(base, "other layers than those of attention over earlier tokens");
  if (attention.sinks) return unsupported(base, "attention sinks");
  if (attention.output_gate) return unsupported(base, "gates on attention's output");
  if (attention.output_bias != models::Bias::kNone) return unsupported(base, "biases on attention's output");
  if (attention.v_head_dim != attention.head_dim) {
    return unsupported(base, fmt::format("heads of {} for keys and {} for values", attention.head_dim,
                                         attention.v_head_dim));
  }
  return {};
}

Result<void> check_layer(const models::Checkpoint& base, const models::ResidualLayerConfig& layer) {
  if (layer.norm.kind != models::NormKind::kRms)
    return unsupported(base, "norms of another kind than the root mean square");
  HEARTH_TRY(check_attention(base, layer));
  if (layer.mlp_norm_name != "ffn_norm")
    return unsupported(base, fmt::format("a norm named {}", layer.mlp_norm_name));
  const auto* mlp = std::get_if<models::MlpConfig>(&layer.mlp);
  if (mlp == nullptr) return unsupported(base, "a mixture of experts");
  if (mlp->form == models::MlpForm::kPlain || mlp->bias != models::Bias::kNone ||
      mlp->activation == tensor::Activation::kGeluErf) {
    return unsupported(base, "another feed-forward than a gated one without biases");
  }
  return {};
}

// What all layers of the families that pass check_layer() have in common.
void read_common(const models::Checkpoint& base, const models::ResidualLayerConfig& layer,
                 DecoderConfig& config) {
  const models::AttentionConfig& attention = layer.attention;
  const auto& mlp = std::get<models::MlpConfig>(layer.mlp);
  config.n_heads = attention.n_heads;
  config.n_kv_heads = attention.n_kv_heads;
  config.head_dim = attention.head_dim;
  config.ffn_width = mlp.ffn_width;
  config.norm_epsilon = static_cast<double>(layer.norm.epsilon);
  config.fused_qkv = attention.fused_qkv;
  config.fused_gate = mlp.form == models::MlpForm::kGatedFused;
  config.qkv_bias =
      attention.qkv_bias == models::Bias::kRequired ||
      (attention.qkv_bias == models::Bias::kOptional && base.find_tensor("blk.0.attn_q.bias") != nullptr);
  config.qk_norm = attention.qk_norm;
  config.norm_placement = layer.norm_placement;
  config.activation = mlp.activation;
  config.residual_scale = static_cast<double>(layer.residual_scale);
  config.attention_scale = static_cast<double>(attention.scale);
  config.attention_soft_cap = static_cast<double>(attention.soft_cap);
  if (attention.rope != nullptr) config.rope_style = attention.rope->args().style;
}

}  // namespace

Result<DecoderConfig> read_base_config(const models::Checkpoint& base, int64_t context_tokens) {
  HEARTH_ASSIGN(const int64_t trained_tokens, models::trained_context_tokens(base));
  if (context_tokens > trained_tokens) {
    return make_error(ErrorCode::kInvalidArgument,
                      "{}: expected sequences of up to {} tokens, for which it was trained, found {}",
                      base.name(), trained_tokens, context_tokens);
  }
  DecoderConfig config;
  config.context_tokens = context_tokens == 0 ? trained_tokens : context_tokens;
  HEARTH_TRY(check_row_order(base, models::ConfigReader(base).architecture()));
  models::TensorReader tensors(base);
  const auto described = models::describe_residual_transformer({base, tensors, config.context_tokens});
  if (!described && described.error().code() == ErrorCode::kUnsupported) {
    return Error(ErrorCode::kUnsupported,
                 fmt::format("{}; Hearth cannot fine-tune it yet", described.error().message()));
  }
  if (!described) return described.error();
  const models::ResidualTransformerConfig& model = *described;
  const models::TransformerConfig& sizes = model.transformer;
  if (sizes.learned_positions || sizes.layer_input_width > 0)
    return unsupported(base, "learned positions or embeddings of layers");
  config.vocabulary = sizes.vocabulary_size;
  config.width = sizes.width;
  config.n_layers = sizes.n_layers;
  config.embedding_scale = static_cast<double>(sizes.embedding_scale);
  config.logit_scale = static_cast<double>(sizes.logit_scale);
  config.logit_soft_cap = static_cast<double>(sizes.logit_soft_cap);
  config.tied = base.find_tensor("output.weight") == nullptr;
  for (int64_t i = 0; i < std::min(config.n_layers, kMostLayers); ++i) {
    const models::ResidualLayerConfig layer = model.layer(i);
    HEARTH_TRY(check_layer(base, layer));
    if (i == 0) read_common(base, layer, config);
    config.positions.push_back(positions_of(layer.attention));
  }
  if (const auto good = check_config(config); !good) return good.error().in(base.name());
  for (const Parameter& parameter : DecoderLayout(config).parameters) tensors.ignore(parameter.name);
  HEARTH_TRY(tensors.check_all_used());
  return config;
}

Result<std::string> checkpoint_digest(const models::Checkpoint& checkpoint,
                                      const std::function<bool(uint64_t n_bytes)>& on_bytes) {
  store::Hasher hasher;
  uint64_t n_bytes = 0;
  for (const gguf::MetadataEntry& entry : checkpoint.metadata()) {
    hasher.update(store::bytes_of(entry.key));
    hasher.update(entry.value.bytes());
  }
  for (const gguf::TensorInfo& tensor : checkpoint.tensors()) {
    HEARTH_ASSIGN(const std::span<const std::byte> data, checkpoint.data(tensor));
    hasher.update(store::bytes_of(tensor.name));
    hasher.update(data);
    n_bytes += data.size();
    if (on_bytes && !on_bytes(n_bytes)) return make_error(ErrorCode::kCancelled, "stopped");
  }
  return hasher.finish().hex();
}

}  // namespace hearth::train
