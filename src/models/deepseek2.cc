// DeepSeek V2, V3 and R1, Kimi K2 and what else converts to them: latent attention, and a mixture of experts
// with shared ones behind a few dense layers. Source: arXiv:2405.04434, arXiv:2412.19437 and the published
// code of the models.
#include <algorithm>
#include <cmath>

#include "models/registry.h"
#include "models/residual_transformer.h"

namespace hearth::models {
namespace {

// Of the sum that a group of experts is judged by: V3 adds its two best, V2 takes its best.
constexpr int64_t kGroupBestWithBias = 2;

// GGUF's numbers; files from before the key have the first.
Result<tensor::RouteScore> read_score(const ConfigReader& reader) {
  const std::string_view key = "expert_gating_func";
  HEARTH_ASSIGN(const int64_t function, reader.count_or(key, 1));
  if (function == 0 || function == 1) return tensor::RouteScore::kSoftmax;
  if (function == 2) return tensor::RouteScore::kSigmoid;
  return reader.error(key, "1 (softmax) or 2 (sigmoid)", function);
}

Result<MoeConfig> read_moe(const ConfigReader& reader, const TransformerConfig& config) {
  HEARTH_ASSIGN(MoeConfig c, read_moe_config(reader, config, "expert_feed_forward_length"));
  HEARTH_ASSIGN(c.route.score, read_score(reader));
  HEARTH_ASSIGN(c.route.renormalize, reader.flag("expert_weights_norm"));
  HEARTH_ASSIGN(c.route.scale, reader.factor_or("expert_weights_scale", 1.0F));
  HEARTH_ASSIGN(const int64_t n_shared, reader.count_or("expert_shared_count", 0));
  c.shared_ffn_width = n_shared * c.expert_ffn_width;

  const std::string_view groups_key = "expert_group_count";
  const std::string_view used_key = "expert_group_used_count";
  HEARTH_ASSIGN(const int64_t n_groups, reader.count_or(groups_key, 1));
  HEARTH_ASSIGN(const int64_t n_groups_used, reader.count_or(used_key, n_groups));
  if (n_groups <= 1) return c;
  if (c.n_experts % n_groups != 0 || c.n_experts / n_groups < kGroupBestWithBias) {
    return reader.error(groups_key, fmt::format("equal groups of at least two of {} experts", c.n_experts),
                        n_groups);
  }
  if (n_groups_used == 0 || n_groups_used > n_groups) {
    return reader.error(used_key, fmt::format("1 to {}", n_groups), n_groups_used);
  }
  if (c.n_used > n_groups_used * (c.n_experts / n_groups)) {
    return reader.error(used_key, fmt::format("groups that hold {} experts", c.n_used), n_groups_used);
  }
  c.route.n_groups = n_groups;
  c.route.n_groups_used = n_groups_used;
  return c;
}

// YaRN's magnitude stands in the scale of the scores, squared, and not in the rotation: the turned part alone
// would feel it there. The key has a tenth of the model's mscale_all_dim, to which all published models have
// set mscale too.
Result<void> move_magnitude(const ConfigReader& reader, RopeConfig& rope, float& scale) {
  HEARTH_ASSIGN(const float multiplier, reader.factor_or("rope.scaling.yarn_log_multiplier", 0.0F));
  if (multiplier == 0.0F || rope.scaling != RopeScaling::kYarn) return {};
  rope.stretches_magnitude = false;
  const double magnitude = 1.0 + static_cast<double>(multiplier) * std::log(std::max(1.0, rope.factor));
  scale *= static_cast<float>(magnitude * magnitude);
  return {};
}

// V3 chooses its experts with a bias that V2 does not have.
MoeConfig with_selection(MoeConfig experts, const Checkpoint& file, int64_t layer) {
  experts.has_selection_bias = file.find_tensor(fmt::format("blk.{}.exp_probs_b.bias", layer)) != nullptr;
  experts.route.group_best = experts.has_selection_bias ? kGroupBestWithBias : 1;
  return experts;
}

}  // namespace

Result<ResidualTransformerConfig> read_deepseek2(const DescriptionSource& source) {
  const ConfigReader reader(source.file);
  HEARTH_ASSIGN(const NormConfig norm, read_norm_config(reader, NormKind::kRms));
  HEARTH_ASSIGN(const TransformerConfig config,
                read_transformer_config(reader, norm,
                                        {"leading_dense_block_count", "expert_shared_count",
                                         "expert_weights_scale", "rope.scaling.yarn_log_multiplier"}));
  HEARTH_ASSIGN(const int64_t n_dense, reader.count_or("leading_dense_block_count", 0));

  ResidualLayerConfig layer;
  layer.width = config.width;
  layer.norm = norm;
  HEARTH_ASSIGN(const int64_t turned_dim, reader.count("rope.dimension_count"));
  HEARTH_ASSIGN(RopeConfig rope,
                read_rope_config(source.file, reader.architecture(), turned_dim, config.context_tokens));
  HEARTH_ASSIGN(LatentAttentionConfig attention, read_latent_attention_config(reader, config.width, rope));
  HEARTH_TRY(move_magnitude(reader, rope, attention.scale));
  attention.norm = norm;
  MlpConfig dense;
  dense.width = config.width;
  HEARTH_ASSIGN(dense.ffn_width, reader.count("feed_forward_length"));
  MoeConfig moe;
  if (config.n_experts > 0) {
    HEARTH_ASSIGN(moe, read_moe(reader, config));
  }

  HEARTH_ASSIGN(attention.rope, read_rope(source.tensors, rope, tensor::RopeStyle::kInterleaved));
  layer.latent_attention = attention;
  return ResidualTransformerConfig{config, [=, &file = source.file](int64_t i) {
                                     ResidualLayerConfig own = layer;
                                     if (config.n_experts == 0 || i < n_dense) {
                                       own.mlp = dense;
                                     } else {
                                       own.mlp = with_selection(moe, file, i);
                                     }
                                     return own;
                                   }};
}

}  // namespace hearth::models
