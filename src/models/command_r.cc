// Command R: attention and feed-forward read the same layer norm, and both are added to the residual stream;
// the logits have a factor. Command R+, which normalises queries and keys, is refused. Source: the published
// configuration and code of the models.
#include <algorithm>

#include "models/blocks/attention.h"
#include "models/blocks/mlp.h"
#include "models/blocks/norm.h"
#include "models/config_reader.h"
#include "models/registry.h"
#include "models/residual_transformer.h"

namespace hearth::models {

namespace {

class ParallelLayer : public Layer {
 public:
  static Result<std::unique_ptr<Layer>> load(WeightReader& weights, const std::string& prefix,
                                             const ResidualLayerConfig& c) {
    auto layer = std::make_unique<ParallelLayer>();
    HEARTH_ASSIGN(layer->norm_, Norm::load(weights, prefix + ".attn_norm", c.width, c.norm));
    HEARTH_ASSIGN(layer->attention_, Attention::load(weights, prefix, c.attention));
    HEARTH_ASSIGN(layer->mlp_, Mlp::load(weights, prefix, std::get<MlpConfig>(c.mlp)));
    return std::unique_ptr<Layer>(std::move(layer));
  }

  KvLayerShape kv_shape() const noexcept override { return attention_.kv_shape(); }

  size_t workspace_bytes(int64_t n_rows) const override {
    return std::max(attention_.workspace_bytes(n_rows), mlp_.workspace_bytes(n_rows));
  }

  void apply(const StepContext& step, const LayerCache& cache, const ResidualStream& stream) const override {
    norm_.apply(step, stream.residual, stream.normed);
    attention_.apply(step, cache.kv, stream.normed, stream.branch);
    step.backend.add(stream.residual, stream.branch);
    mlp_.apply(step, stream.normed, stream.branch);
    step.backend.add(stream.residual, stream.branch);
  }

 private:
  Norm norm_;
  Attention attention_;
  Mlp mlp_;
};

}  // namespace

Result<std::unique_ptr<Model>> load_command_r(const ModelSource& source) {
  const ConfigReader reader(source.file);
  HEARTH_ASSIGN(const NormConfig norm, read_norm_config(reader, NormKind::kLayer));
  HEARTH_ASSIGN(TransformerConfig config, read_transformer_config(reader, norm, {"logit_scale"}));
  HEARTH_ASSIGN(config.logit_scale, reader.factor_or("logit_scale", 1.0F));

  HEARTH_ASSIGN(ResidualLayerConfig layer, read_residual_layer_config(reader, config));
  WeightReader weights(source.file, source.backend);
  HEARTH_TRY(read_rope({source.file, weights, source.context_tokens}, config, tensor::RopeStyle::kInterleaved,
                       layer));
  return load_transformer(source, weights, config, [&](const std::string& prefix, int64_t) {
    return ParallelLayer::load(weights, prefix, layer);
  });
}

}  // namespace hearth::models
