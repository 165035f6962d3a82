#include "models/blocks/residual_layer.h"

#include <algorithm>

namespace hearth::models {

using tensor::Tensor;

Result<ResidualLayerConfig> read_residual_layer_config(const ConfigReader& reader,
                                                       const TransformerConfig& config) {
  ResidualLayerConfig c;
  c.width = config.width;
  c.norm = config.norm;
  HEARTH_ASSIGN(c.attention, read_attention_config(reader, config.width));
  MlpConfig mlp;
  mlp.width = config.width;
  HEARTH_ASSIGN(mlp.ffn_width, reader.count("feed_forward_length"));
  c.mlp = mlp;
  return c;
}

Result<MoeConfig> read_moe_config(const ConfigReader& reader, const TransformerConfig& config,
                                  std::string_view width_key) {
  HEARTH_TRY(reader.count("expert_count"));
  MoeConfig c;
  c.width = config.width;
  HEARTH_ASSIGN(c.expert_ffn_width, reader.count(width_key));
  c.n_experts = config.n_experts;
  c.n_used = config.n_experts_used;
  c.route = {.renormalize = true};
  return c;
}

Result<std::unique_ptr<Layer>> ResidualLayer::load(WeightReader& weights, const std::string& prefix,
                                                   const ResidualLayerConfig& c) {
  auto layer = std::make_unique<ResidualLayer>();
  layer->residual_scale_ = c.residual_scale;
  HEARTH_TRY(layer->load_norms(weights, prefix, c));
  if (c.delta_net) {
    HEARTH_ASSIGN(layer->mixer_, GatedDeltaNet::load(weights, prefix, *c.delta_net));
  } else if (c.latent_attention) {
    HEARTH_ASSIGN(layer->mixer_, LatentAttention::load(weights, prefix, *c.latent_attention));
  } else {
    HEARTH_ASSIGN(layer->mixer_, Attention::load(weights, prefix, c.attention));
  }
  if (const auto* dense = std::get_if<MlpConfig>(&c.mlp)) {
    HEARTH_ASSIGN(layer->mlp_, Mlp::load(weights, prefix, *dense));
  } else {
    HEARTH_ASSIGN(layer->mlp_, MoeMlp::load(weights, prefix, std::get<MoeConfig>(c.mlp)));
  }
  return std::unique_ptr<Layer>(std::move(layer));
}

Result<void> ResidualLayer::load_norms(WeightReader& weights, const std::string& prefix,
                                       const ResidualLayerConfig& c) {
  const auto norm = [&](const std::string& name) {
    return Norm::load(weights, prefix + name, c.width, c.norm);
  };
  if (c.norm_placement != NormPlacement::kAfter) {
    HEARTH_ASSIGN(before_attention_, norm(".attn_norm"));
    HEARTH_ASSIGN(before_mlp_, norm(fmt::format(".{}", c.mlp_norm_name)));
  }
  if (c.norm_placement != NormPlacement::kBefore) {
    HEARTH_ASSIGN(after_attention_, norm(".post_attention_norm"));
    HEARTH_ASSIGN(after_mlp_, norm(".post_ffw_norm"));
  }
  return {};
}

KvLayerShape ResidualLayer::kv_shape() const noexcept {
  if (const auto* attention = std::get_if<Attention>(&mixer_)) return attention->kv_shape();
  if (const auto* latent = std::get_if<LatentAttention>(&mixer_)) return latent->kv_shape();
  return {};
}

RecurrentLayerShape ResidualLayer::recurrent_shape() const noexcept {
  const auto* delta_net = std::get_if<GatedDeltaNet>(&mixer_);
  return delta_net != nullptr ? delta_net->recurrent_shape() : RecurrentLayerShape{};
}

size_t ResidualLayer::workspace_bytes(int64_t n_rows) const {
  const auto bytes = [&](const auto& block) { return block.workspace_bytes(n_rows); };
  return std::max(std::visit(bytes, mixer_), std::visit(bytes, mlp_));
}

const Tensor& ResidualLayer::branch_input(const StepContext& step, const std::optional<Norm>& norm,
                                          const ResidualStream& stream) const {
  if (!norm) return stream.residual;
  norm->apply(step, stream.residual, stream.normed);
  return stream.normed;
}

void ResidualLayer::add_branch(const StepContext& step, const std::optional<Norm>& norm,
                               const ResidualStream& stream) const {
  if (norm) norm->apply(step, stream.branch, stream.branch);
  if (residual_scale_ != 1.0F) step.backend.scale(stream.branch, residual_scale_);
  step.backend.add(stream.residual, stream.branch);
}

void ResidualLayer::apply(const StepContext& step, const LayerCache& cache,
                          const ResidualStream& stream) const {
  const Tensor& mixer_input = branch_input(step, before_attention_, stream);
  if (const auto* attention = std::get_if<Attention>(&mixer_)) {
    attention->apply(step, cache.kv, mixer_input, stream.branch);
  } else if (const auto* latent = std::get_if<LatentAttention>(&mixer_)) {
    latent->apply(step, cache.kv, mixer_input, stream.branch);
  } else {
    std::get<GatedDeltaNet>(mixer_).apply(step, cache.state, mixer_input, stream.branch);
  }
  add_branch(step, after_attention_, stream);
  const Tensor& input = branch_input(step, before_mlp_, stream);
  std::visit([&](const auto& block) { block.apply(step, input, stream.branch); }, mlp_);
  add_branch(step, after_mlp_, stream);
}

}  // namespace hearth::models
