// StarCoder2: layer norms, biases everywhere, and a plain feed-forward with GELU. Source: arXiv:2402.19173.
#include "models/config_reader.h"
#include "models/registry.h"
#include "models/residual_transformer.h"

namespace hearth::models {

Result<ResidualTransformerConfig> read_starcoder2(const DescriptionSource& source) {
  const ConfigReader reader(source.file);
  HEARTH_ASSIGN(const NormConfig norm, read_norm_config(reader, NormKind::kLayer, /*bias=*/true));
  HEARTH_ASSIGN(const TransformerConfig config, read_transformer_config(reader, norm));

  HEARTH_ASSIGN(ResidualLayerConfig layer, read_residual_layer_config(reader, config));
  layer.attention.qkv_bias = Bias::kRequired;
  layer.attention.output_bias = Bias::kRequired;
  auto& mlp = std::get<MlpConfig>(layer.mlp);
  mlp.form = MlpForm::kPlain;
  mlp.activation = tensor::Activation::kGeluTanh;
  mlp.bias = Bias::kRequired;
  HEARTH_TRY(read_rope(source, config, tensor::RopeStyle::kHalves, layer));
  return with_equal_layers(config, layer);
}

}  // namespace hearth::models
