// GLM-4-0414 and GLM-Z1: norms before and behind attention and feed-forward, which has gate and up in one
// tensor; biases on queries, keys and values in some sizes. Source: arXiv:2406.12793 and the published
// configuration of the models.
#include "models/blocks/residual_layer.h"
#include "models/config_reader.h"
#include "models/transformer.h"

namespace hearth::models {

Result<std::unique_ptr<Model>> load_glm4(const ModelSource& source) {
  const ConfigReader reader(source.file);
  HEARTH_ASSIGN(const NormConfig norm, read_norm_config(reader, NormKind::kRms));
  HEARTH_ASSIGN(const TransformerConfig config, read_transformer_config(reader, norm));

  HEARTH_ASSIGN(ResidualLayerConfig layer, read_residual_layer_config(reader, config));
  layer.norm_placement = NormPlacement::kBoth;
  layer.attention.qkv_bias = Bias::kOptional;
  std::get<MlpConfig>(layer.mlp).form = MlpForm::kGatedFused;
  WeightReader weights(source.file, source.backend);
  HEARTH_TRY(load_rope(source, weights, config, tensor::RopeStyle::kInterleaved, layer));
  return load_residual_transformer(source, weights, config, layer);
}

}  // namespace hearth::models
