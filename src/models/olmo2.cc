// OLMo 2: llama with its norms behind attention and feed-forward instead of before them, and norms over all
// of a token's queries and keys. Source: arXiv:2501.00656.
#include "models/config_reader.h"
#include "models/registry.h"
#include "models/residual_transformer.h"

namespace hearth::models {

Result<ResidualTransformerConfig> read_olmo2(const DescriptionSource& source) {
  const ConfigReader reader(source.file);
  HEARTH_ASSIGN(const NormConfig norm, read_norm_config(reader, NormKind::kRms));
  HEARTH_ASSIGN(const TransformerConfig config, read_transformer_config(reader, norm));

  HEARTH_ASSIGN(ResidualLayerConfig layer, read_residual_layer_config(reader, config));
  layer.norm_placement = NormPlacement::kAfter;
  layer.attention.qk_norm = QkNorm::kAllHeads;
  layer.attention.norm = norm;
  HEARTH_TRY(read_rope(source, config, tensor::RopeStyle::kHalves, layer));
  return with_equal_layers(config, layer);
}

}  // namespace hearth::models
