// Qwen 1.5, 2 and 2.5, and the R1 distillates of Qwen: llama with biases on queries, keys and values.
// Source: arXiv:2407.10671.
#include "models/blocks/residual_layer.h"
#include "models/config_reader.h"
#include "models/transformer.h"

namespace hearth::models {

Result<std::unique_ptr<Model>> load_qwen2(const ModelSource& source) {
  const ConfigReader reader(source.file);
  HEARTH_ASSIGN(const NormConfig norm, read_norm_config(reader, NormKind::kRms));
  HEARTH_ASSIGN(const TransformerConfig config, read_transformer_config(reader, norm));

  HEARTH_ASSIGN(ResidualLayerConfig layer, read_residual_layer_config(reader, config));
  layer.attention.qkv_bias = Bias::kRequired;
  WeightReader weights(source.file, source.backend);
  HEARTH_TRY(load_rope(source, weights, config, tensor::RopeStyle::kHalves, layer));
  return load_residual_transformer(source, weights, config, layer);
}

}  // namespace hearth::models
