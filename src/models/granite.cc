// Granite 3 and 4, the dense ones: llama with factors on the embedding, on what each block adds to the
// residual stream, on attention's logits, and a divisor of the output's. Source: arXiv:2408.13359 (Power
// scheduler and muP, from which the factors come).
#include "models/config_reader.h"
#include "models/registry.h"
#include "models/residual_transformer.h"

namespace hearth::models {

Result<ResidualTransformerConfig> read_granite(const DescriptionSource& source) {
  const ConfigReader reader(source.file);
  HEARTH_ASSIGN(const NormConfig norm, read_norm_config(reader, NormKind::kRms));
  HEARTH_ASSIGN(TransformerConfig config,
                read_transformer_config(
                    reader, norm, {"embedding_scale", "residual_scale", "attention.scale", "logit_scale"}));
  HEARTH_ASSIGN(config.embedding_scale, reader.factor_or("embedding_scale", 1.0F));
  HEARTH_ASSIGN(const float logit_divisor, reader.factor_or("logit_scale", 1.0F));
  config.logit_scale = 1.0F / logit_divisor;

  HEARTH_ASSIGN(ResidualLayerConfig layer, read_residual_layer_config(reader, config));
  HEARTH_ASSIGN(layer.residual_scale, reader.factor_or("residual_scale", 1.0F));
  HEARTH_ASSIGN(layer.attention.scale, reader.factor_or("attention.scale", layer.attention.scale));
  HEARTH_TRY(read_rope(source, config, tensor::RopeStyle::kInterleaved, layer));
  return with_equal_layers(config, layer);
}

}  // namespace hearth::models
