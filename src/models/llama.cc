// The llama family: Llama 1 to 3, Mistral, Mixtral, SmolLM2, TinyLlama, the R1 distillates of Llama, and
// whatever else converts to GGUF's "llama". Layers of grouped-query attention and a gated feed-forward, dense
// or a mixture of experts, with norms before both. Source: arXiv:2302.13971, arXiv:2401.04088.
#include "models/blocks/residual_layer.h"
#include "models/config_reader.h"
#include "models/transformer.h"

namespace hearth::models {

Result<std::unique_ptr<Model>> load_llama(const ModelSource& source) {
  const ConfigReader reader(source.file);
  HEARTH_ASSIGN(const NormConfig norm, read_norm_config(reader, NormKind::kRms));
  HEARTH_ASSIGN(const TransformerConfig config, read_transformer_config(reader, norm));

  HEARTH_ASSIGN(ResidualLayerConfig layer, read_residual_layer_config(reader, config));
  if (config.n_experts > 0) {
    HEARTH_ASSIGN(layer.mlp, read_moe_config(reader, config, "feed_forward_length"));
  }
  WeightReader weights(source.file, source.backend);
  HEARTH_TRY(load_rope(source, weights, config, tensor::RopeStyle::kInterleaved, layer));
  return load_residual_transformer(source, weights, config, layer);
}

}  // namespace hearth::models
