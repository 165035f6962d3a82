// gpt-oss: attention with sinks and biases, every other layer over a window, and a mixture of experts with
// biases and a clamped gate. Source: OpenAI's reference implementation (arXiv:2508.10925).
#include "models/registry.h"
#include "models/residual_transformer.h"

namespace hearth::models {
namespace {

// Fixed by the architecture; GGUF has no key for it.
constexpr float kSwigluLimit = 7.0F;

}  // namespace

Result<ResidualTransformerConfig> read_gpt_oss(const DescriptionSource& source) {
  const ConfigReader reader(source.file);
  HEARTH_ASSIGN(const NormConfig norm, read_norm_config(reader, NormKind::kRms));
  HEARTH_ASSIGN(const TransformerConfig config,
                read_transformer_config(reader, norm, {"attention.sliding_window"}));
  HEARTH_ASSIGN(const int64_t window, reader.count("attention.sliding_window"));

  HEARTH_ASSIGN(ResidualLayerConfig layer, read_residual_layer_config(reader, config));
  layer.mlp_norm_name = "post_attention_norm";
  layer.attention.qkv_bias = Bias::kRequired;
  layer.attention.output_bias = Bias::kRequired;
  layer.attention.sinks = true;
  HEARTH_ASSIGN(MoeConfig moe, read_moe_config(reader, config, "expert_feed_forward_length"));
  moe.has_biases = true;
  moe.swiglu_limit = kSwigluLimit;
  layer.mlp = moe;
  HEARTH_TRY(read_rope(source, config, tensor::RopeStyle::kHalves, layer));
  return ResidualTransformerConfig{config, [=](int64_t i) {
                                     ResidualLayerConfig own = layer;
                                     own.attention.window = i % 2 == 0 ? window : 0;
                                     return own;
                                   }};
}

}  // namespace hearth::models
