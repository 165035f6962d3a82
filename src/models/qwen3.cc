// Qwen 3, dense and mixture of experts: llama with norms of each query's and key's head. Source:
// arXiv:2505.09388.
#include "models/blocks/residual_layer.h"
#include "models/config_reader.h"
#include "models/transformer.h"

namespace hearth::models {

namespace {

Result<std::unique_ptr<Model>> load(const ModelSource& source, bool with_experts) {
  const ConfigReader reader(source.file);
  HEARTH_ASSIGN(const NormConfig norm, read_norm_config(reader, NormKind::kRms));
  HEARTH_ASSIGN(const TransformerConfig config, read_transformer_config(reader, norm));

  HEARTH_ASSIGN(ResidualLayerConfig layer, read_residual_layer_config(reader, config));
  layer.attention.qk_norm = QkNorm::kPerHead;
  layer.attention.norm = norm;
  if (with_experts) {
    HEARTH_ASSIGN(layer.mlp, read_moe_config(reader, config, "expert_feed_forward_length"));
  }
  WeightReader weights(source.file, source.backend);
  HEARTH_TRY(load_rope(source, weights, config, tensor::RopeStyle::kHalves, layer));
  return load_residual_transformer(source, weights, config, layer);
}

}  // namespace

Result<std::unique_ptr<Model>> load_qwen3(const ModelSource& source) {
  return load(source, /*with_experts=*/false);
}

Result<std::unique_ptr<Model>> load_qwen3moe(const ModelSource& source) {
  return load(source, /*with_experts=*/true);
}

}  // namespace hearth::models
