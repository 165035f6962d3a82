// The llama family: Llama 1 to 3, Mistral, Mixtral, SmolLM2, TinyLlama, the R1 distillates of Llama, and
// whatever else converts to GGUF's "llama". Layers of grouped-query attention and a gated feed-forward, dense
// or a mixture of experts, with norms before both. Source: arXiv:2302.13971, arXiv:2401.04088.
#include "models/config_reader.h"
#include "models/registry.h"
#include "models/residual_transformer.h"

namespace hearth::models {

Result<ResidualTransformerConfig> read_llama(const DescriptionSource& source) {
  const ConfigReader reader(source.file);
  HEARTH_ASSIGN(const NormConfig norm, read_norm_config(reader, NormKind::kRms));
  HEARTH_ASSIGN(const TransformerConfig config, read_transformer_config(reader, norm));

  HEARTH_ASSIGN(ResidualLayerConfig layer, read_residual_layer_config(reader, config));
  if (config.n_experts > 0) {
    HEARTH_ASSIGN(layer.mlp, read_moe_config(reader, config, "feed_forward_length"));
  }
  HEARTH_TRY(read_rope(source, config, tensor::RopeStyle::kInterleaved, layer));
  return with_equal_layers(config, layer);
}

}  // namespace hearth::models
