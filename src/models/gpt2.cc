// GPT-2: learned positions instead of rotary ones, layer norms, biases everywhere, queries, keys and values
// in one tensor, and a plain feed-forward with GELU. Source: "Language Models are Unsupervised Multitask
// Learners" (Radford et al., 2019) and the code published with it.
#include "models/config_reader.h"
#include "models/registry.h"
#include "models/residual_transformer.h"

namespace hearth::models {

Result<ResidualTransformerConfig> read_gpt2(const DescriptionSource& source) {
  const ConfigReader reader(source.file);
  HEARTH_ASSIGN(const NormConfig norm, read_norm_config(reader, NormKind::kLayer, /*bias=*/true));
  HEARTH_ASSIGN(TransformerConfig config, read_transformer_config(reader, norm));
  config.learned_positions = true;

  HEARTH_ASSIGN(ResidualLayerConfig layer, read_residual_layer_config(reader, config));
  layer.attention.fused_qkv = true;
  layer.attention.qkv_bias = Bias::kRequired;
  layer.attention.output_bias = Bias::kRequired;
  auto& mlp = std::get<MlpConfig>(layer.mlp);
  mlp.form = MlpForm::kPlain;
  mlp.activation = tensor::Activation::kGeluTanh;
  mlp.bias = Bias::kRequired;
  return with_equal_layers(config, layer);
}

}  // namespace hearth::models
