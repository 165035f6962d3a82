// Phi-3, Phi-3.5-mini and Phi-4: llama with queries, keys and values in one tensor, gate and up in another,
// and LongRoPE (arXiv:2402.13753): two tables of divisors, one for contexts as long as the original, one for
// longer ones. Source: arXiv:2404.14219.
//
// attention.sliding_window is not applied, as in llama.cpp: converters have not written it reliably.
#include "models/blocks/residual_layer.h"
#include "models/config_reader.h"
#include "models/transformer.h"

namespace hearth::models {

namespace {

Result<std::shared_ptr<const Rope>> load_longrope(const ModelSource& source, WeightReader& weights,
                                                  const RopeConfig& config) {
  const std::string short_name = "rope_factors_short.weight";
  const std::string long_name = "rope_factors_long.weight";
  if (!weights.has(short_name) && !weights.has(long_name)) {
    return load_rope(weights, config, tensor::RopeStyle::kHalves);
  }
  HEARTH_ASSIGN(const std::vector<float> short_factors, read_frequency_factors(weights, short_name, config));
  HEARTH_ASSIGN(const std::vector<float> long_factors, read_frequency_factors(weights, long_name, config));
  const bool is_long = source.context_tokens > config.original_context_tokens;
  return std::make_shared<const Rope>(config, tensor::RopeStyle::kHalves,
                                      is_long ? long_factors : short_factors);
}

}  // namespace

Result<std::unique_ptr<Model>> load_phi3(const ModelSource& source) {
  const ConfigReader reader(source.file);
  HEARTH_ASSIGN(const NormConfig norm, read_norm_config(reader, NormKind::kRms));
  HEARTH_ASSIGN(const TransformerConfig config,
                read_transformer_config(reader, norm, {"attention.sliding_window"}));

  HEARTH_ASSIGN(ResidualLayerConfig layer, read_residual_layer_config(reader, config));
  layer.attention.fused_qkv = true;
  std::get<MlpConfig>(layer.mlp).form = MlpForm::kGatedFused;
  WeightReader weights(source.file, source.backend);
  HEARTH_ASSIGN(const RopeConfig rope, read_rope_config(source.file, reader.architecture(),
                                                        layer.attention.head_dim, config.context_tokens));
  HEARTH_ASSIGN(layer.attention.rope, load_longrope(source, weights, rope));
  return load_residual_transformer(source, weights, config, layer);
}

}  // namespace hearth::models
