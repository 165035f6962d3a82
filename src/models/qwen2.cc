// Qwen 1.5, 2 and 2.5, and the R1 distillates of Qwen: llama with biases on queries, keys and values.
// Source: arXiv:2407.10671.
#include "models/config_reader.h"
#include "models/registry.h"
#include "models/residual_transformer.h"

namespace hearth::models {

Result<ResidualTransformerConfig> read_qwen2(const DescriptionSource& source) {
  const ConfigReader reader(source.file);
  HEARTH_ASSIGN(const NormConfig norm, read_norm_config(reader, NormKind::kRms));
  HEARTH_ASSIGN(const TransformerConfig config, read_transformer_config(reader, norm));

  HEARTH_ASSIGN(ResidualLayerConfig layer, read_residual_layer_config(reader, config));
  layer.attention.qkv_bias = Bias::kRequired;
  HEARTH_TRY(read_rope(source, config, tensor::RopeStyle::kHalves, layer));
  return with_equal_layers(config, layer);
}

}  // namespace hearth::models
