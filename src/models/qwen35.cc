// Qwen 3.5: of every few layers one attends over everything, with a gate on its output; the others are gated
// delta nets, whose state is of fixed size. Dense, or a mixture of experts with a gated shared expert.
// Source: arXiv:2412.06464 and the reference implementation in Transformers.
#include "models/registry.h"
#include "models/residual_transformer.h"

namespace hearth::models {
namespace {

Result<DeltaNetConfig> read_delta_net(const ConfigReader& reader, const TransformerConfig& config) {
  DeltaNetConfig c;
  c.width = config.width;
  c.norm = config.norm;
  HEARTH_ASSIGN(c.kernel, reader.count("ssm.conv_kernel"));
  HEARTH_ASSIGN(c.key_dim, reader.count("ssm.state_size"));
  HEARTH_ASSIGN(c.n_key_heads, reader.count("ssm.group_count"));
  HEARTH_ASSIGN(c.n_heads, reader.count("ssm.time_step_rank"));
  HEARTH_ASSIGN(const int64_t inner, reader.count("ssm.inner_size"));
  if (c.kernel < 2 || c.kernel > 1024) return reader.error("ssm.conv_kernel", "2 to 1024", c.kernel);
  if (c.n_heads % c.n_key_heads != 0) {
    return reader.error("ssm.group_count", fmt::format("a divisor of time_step_rank = {}", c.n_heads),
                        c.n_key_heads);
  }
  if (inner % c.n_heads != 0) {
    return reader.error("ssm.inner_size", fmt::format("a multiple of time_step_rank = {}", c.n_heads), inner);
  }
  c.value_dim = inner / c.n_heads;
  constexpr int64_t kMaxWidth = int64_t{1} << 24;  // so that no product of two overflows
  if (inner > kMaxWidth) return reader.error("ssm.inner_size", fmt::format("at most {}", kMaxWidth), inner);
  if (c.key_dim > kMaxWidth / c.n_heads)
    return reader.error("ssm.state_size", fmt::format("at most {}", kMaxWidth / c.n_heads), c.key_dim);
  return c;
}

Result<MoeConfig> read_moe(const ConfigReader& reader, const TransformerConfig& config) {
  HEARTH_ASSIGN(MoeConfig c, read_moe_config(reader, config, "expert_feed_forward_length"));
  c.has_shared_gate = true;
  HEARTH_ASSIGN(c.shared_ffn_width, reader.count("expert_shared_feed_forward_length"));
  return c;
}

Result<ResidualTransformerConfig> read(const DescriptionSource& source, bool with_experts) {
  const ConfigReader reader(source.file);
  HEARTH_ASSIGN(const NormConfig norm, read_norm_config(reader, NormKind::kRms));
  // In text all sections of the rotary embedding turn by the same positions.
  HEARTH_ASSIGN(const TransformerConfig config,
                read_transformer_config(reader, norm, {"rope.dimension_sections"}));
  HEARTH_ASSIGN(const int64_t interval, reader.count("full_attention_interval"));

  HEARTH_ASSIGN(ResidualLayerConfig layer, read_residual_layer_config(reader, config));
  layer.mlp_norm_name = "post_attention_norm";
  layer.attention.output_gate = true;
  layer.attention.qk_norm = QkNorm::kPerHead;
  layer.attention.norm = norm;
  if (layer.attention.v_head_dim != layer.attention.head_dim) {
    return reader.error("attention.value_length", fmt::format("key_length = {}", layer.attention.head_dim),
                        layer.attention.v_head_dim);
  }
  if (with_experts) {
    HEARTH_ASSIGN(layer.mlp, read_moe(reader, config));
  }
  HEARTH_ASSIGN(const DeltaNetConfig delta_net, read_delta_net(reader, config));
  HEARTH_TRY(read_rope(source, config, tensor::RopeStyle::kHalves, layer));
  return ResidualTransformerConfig{config, [=](int64_t i) {
                                     ResidualLayerConfig own = layer;
                                     if ((i + 1) % interval != 0) own.delta_net = delta_net;
                                     return own;
                                   }};
}

}  // namespace

Result<ResidualTransformerConfig> read_qwen35(const DescriptionSource& source) {
  return read(source, /*with_experts=*/false);
}

Result<ResidualTransformerConfig> read_qwen35moe(const DescriptionSource& source) {
  return read(source, /*with_experts=*/true);
}

}  // namespace hearth::models
