// Phi-3, Phi-3.5-mini and Phi-4: llama with queries, keys and values in one tensor, gate and up in another,
// and LongRoPE (arXiv:2402.13753): two tables of divisors, one for contexts as long as the original, one for
// longer ones. Source: arXiv:2404.14219.
//
// attention.sliding_window is not applied, as in llama.cpp: converters have not written it reliably.
#include "models/config_reader.h"
#include "models/registry.h"
#include "models/residual_transformer.h"

namespace hearth::models {

namespace {

Result<std::shared_ptr<const Rope>> read_longrope(const DescriptionSource& source, const RopeConfig& config) {
  TensorReader& tensors = source.tensors;
  const std::string short_name = "rope_factors_short.weight";
  const std::string long_name = "rope_factors_long.weight";
  if (!tensors.has(short_name) && !tensors.has(long_name)) {
    return read_rope(tensors, config, tensor::RopeStyle::kHalves);
  }
  HEARTH_ASSIGN(const std::vector<float> short_factors, read_frequency_factors(tensors, short_name, config));
  HEARTH_ASSIGN(const std::vector<float> long_factors, read_frequency_factors(tensors, long_name, config));
  const bool is_long = source.context_tokens > config.original_context_tokens;
  return std::make_shared<const Rope>(config, tensor::RopeStyle::kHalves,
                                      is_long ? long_factors : short_factors);
}

}  // namespace

Result<ResidualTransformerConfig> read_phi3(const DescriptionSource& source) {
  const ConfigReader reader(source.file);
  HEARTH_ASSIGN(const NormConfig norm, read_norm_config(reader, NormKind::kRms));
  HEARTH_ASSIGN(const TransformerConfig config,
                read_transformer_config(reader, norm, {"attention.sliding_window"}));

  HEARTH_ASSIGN(ResidualLayerConfig layer, read_residual_layer_config(reader, config));
  layer.attention.fused_qkv = true;
  std::get<MlpConfig>(layer.mlp).form = MlpForm::kGatedFused;
  HEARTH_ASSIGN(const RopeConfig rope, read_rope_config(source.file, reader.architecture(),
                                                        layer.attention.head_dim, config.context_tokens));
  HEARTH_ASSIGN(layer.attention.rope, read_longrope(source, rope));
  return with_equal_layers(config, layer);
}

}  // namespace hearth::models
