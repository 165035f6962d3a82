// GLM-4-0414 and GLM-Z1: norms before and behind attention and feed-forward, which has gate and up in one
// tensor; biases on queries, keys and values in some sizes. Source: arXiv:2406.12793 and the published
// configuration of the models.
#include "models/config_reader.h"
#include "models/registry.h"
#include "models/residual_transformer.h"

namespace hearth::models {

Result<ResidualTransformerConfig> read_glm4(const DescriptionSource& source) {
  const ConfigReader reader(source.file);
  HEARTH_ASSIGN(const NormConfig norm, read_norm_config(reader, NormKind::kRms));
  HEARTH_ASSIGN(const TransformerConfig config, read_transformer_config(reader, norm));

  HEARTH_ASSIGN(ResidualLayerConfig layer, read_residual_layer_config(reader, config));
  layer.norm_placement = NormPlacement::kBoth;
  layer.attention.qkv_bias = Bias::kOptional;
  std::get<MlpConfig>(layer.mlp).form = MlpForm::kGatedFused;
  HEARTH_TRY(read_rope(source, config, tensor::RopeStyle::kInterleaved, layer));
  return with_equal_layers(config, layer);
}

}  // namespace hearth::models
