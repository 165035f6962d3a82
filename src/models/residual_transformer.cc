#include "models/residual_transformer.h"

#include "models/config_reader.h"

namespace hearth::models {

Result<void> read_rope(const DescriptionSource& source, const TransformerConfig& config,
                       tensor::RopeStyle style, ResidualLayerConfig& layer) {
  const ConfigReader reader(source.file);
  HEARTH_ASSIGN(const RopeConfig rope, read_rope_config(source.file, reader.architecture(),
                                                        layer.attention.head_dim, config.context_tokens));
  HEARTH_ASSIGN(style, read_rope_style(source.file, reader.architecture(), style));
  HEARTH_ASSIGN(layer.attention.rope, read_rope(source.tensors, rope, style));
  return {};
}

ResidualTransformerConfig with_equal_layers(const TransformerConfig& config,
                                            const ResidualLayerConfig& layer) {
  return {config, [=](int64_t /*i*/) { return layer; }};
}

Result<std::unique_ptr<Model>> load_residual_transformer(const ModelSource& source, WeightReader& weights,
                                                         const ResidualTransformerConfig& config) {
  return load_transformer(source, weights, config.transformer, [&](const std::string& prefix, int64_t i) {
    return ResidualLayer::load(weights, prefix, config.layer(i));
  });
}

}  // namespace hearth::models
