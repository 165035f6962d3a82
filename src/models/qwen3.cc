// Qwen 3, dense and mixture of experts: llama with norms of each query's and key's head. Source:
// arXiv:2505.09388.
#include "models/config_reader.h"
#include "models/registry.h"
#include "models/residual_transformer.h"

namespace hearth::models {

namespace {

Result<ResidualTransformerConfig> read(const DescriptionSource& source, bool with_experts) {
  const ConfigReader reader(source.file);
  HEARTH_ASSIGN(const NormConfig norm, read_norm_config(reader, NormKind::kRms));
  HEARTH_ASSIGN(const TransformerConfig config, read_transformer_config(reader, norm));

  HEARTH_ASSIGN(ResidualLayerConfig layer, read_residual_layer_config(reader, config));
  layer.attention.qk_norm = QkNorm::kPerHead;
  layer.attention.norm = norm;
  if (with_experts) {
    HEARTH_ASSIGN(layer.mlp, read_moe_config(reader, config, "expert_feed_forward_length"));
  }
  HEARTH_TRY(read_rope(source, config, tensor::RopeStyle::kHalves, layer));
  return with_equal_layers(config, layer);
}

}  // namespace

Result<ResidualTransformerConfig> read_qwen3(const DescriptionSource& source) {
  return read(source, /*with_experts=*/false);
}

Result<ResidualTransformerConfig> read_qwen3moe(const DescriptionSource& source) {
  return read(source, /*with_experts=*/true);
}

}  // namespace hearth::models
