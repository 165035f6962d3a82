// SmolLM3: llama in which every fourth layer does not know positions ("NoPE"). Source: arXiv:2501.18795, and
// the published configuration of the model.
#include "models/config_reader.h"
#include "models/registry.h"
#include "models/residual_transformer.h"

namespace hearth::models {

Result<ResidualTransformerConfig> read_smollm3(const DescriptionSource& source) {
  const ConfigReader reader(source.file);
  HEARTH_ASSIGN(const NormConfig norm, read_norm_config(reader, NormKind::kRms));
  HEARTH_ASSIGN(const TransformerConfig config, read_transformer_config(reader, norm));

  HEARTH_ASSIGN(ResidualLayerConfig layer, read_residual_layer_config(reader, config));
  HEARTH_TRY(read_rope(source, config, tensor::RopeStyle::kInterleaved, layer));

  ResidualLayerConfig layer_without_positions = layer;
  layer_without_positions.attention.rope = nullptr;
  return ResidualTransformerConfig{config, [=](int64_t i) {
                                     const bool every_fourth = i % 4 == 3;
                                     return every_fourth ? layer_without_positions : layer;
                                   }};
}

}  // namespace hearth::models
