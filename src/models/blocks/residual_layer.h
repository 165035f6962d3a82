#pragma once

#include <optional>
#include <variant>

#include "models/blocks/attention.h"
#include "models/blocks/gated_delta_net.h"
#include "models/blocks/latent_attention.h"
#include "models/blocks/mlp.h"
#include "models/blocks/moe.h"
#include "models/blocks/norm.h"
#include "models/transformer.h"

namespace hearth::models {

// Where a layer normalises: what goes into attention and feed-forward, what comes out of them, or both.
enum class NormPlacement { kBefore, kAfter, kBoth };

struct ResidualLayerConfig {
  int64_t width = 0;
  NormConfig norm;
  NormPlacement norm_placement = NormPlacement::kBefore;
  float residual_scale = 1.0F;                  // of what attention and feed-forward add
  std::string_view mlp_norm_name = "ffn_norm";  // of the norm before the feed-forward
  AttentionConfig attention;
  // In place of attention, one or none of:
  std::optional<DeltaNetConfig> delta_net;
  std::optional<LatentAttentionConfig> latent_attention;
  std::variant<MlpConfig, MoeConfig> mlp;
};

// With the model's norms and attention as read_attention_config has it, and a dense gated feed-forward with
// SiLU of feed_forward_length.
Result<ResidualLayerConfig> read_residual_layer_config(const ConfigReader& reader,
                                                       const TransformerConfig& config);

// The experts that TransformerConfig counts, with the feed-forward width that `width_key` has; kMalformed if
// there are none.
Result<MoeConfig> read_moe_config(const ConfigReader& reader, const TransformerConfig& config,
                                  std::string_view width_key);

// The usual layer: attention, then feed-forward, each of which reads the residual stream and adds to it.
class ResidualLayer : public Layer {
 public:
  // Reads PREFIX.{attn,ffn}_norm, PREFIX.post_{attention,ffw}_norm, and what attention and feed-forward read.
  static Result<std::unique_ptr<Layer>> load(WeightReader& weights, const std::string& prefix,
                                             const ResidualLayerConfig& config);

  KvLayerShape kv_shape() const noexcept override;
  RecurrentLayerShape recurrent_shape() const noexcept override;
  size_t workspace_bytes(int64_t n_rows) const override;
  void apply(const StepContext& step, const LayerCache& cache, const ResidualStream& stream) const override;

 private:
  Result<void> load_norms(WeightReader& weights, const std::string& prefix,
                          const ResidualLayerConfig& config);
  // What a branch reads: the stream, normalised if there is a norm for it.
  const tensor::Tensor& branch_input(const StepContext& step, const std::optional<Norm>& norm,
                                     const ResidualStream& stream) const;
  void add_branch(const StepContext& step, const std::optional<Norm>& norm,
                  const ResidualStream& stream) const;

  float residual_scale_ = 1.0F;
  std::optional<Norm> before_attention_, after_attention_, before_mlp_, after_mlp_;
  std::variant<Attention, GatedDeltaNet, LatentAttention> mixer_;
  std::variant<Mlp, MoeMlp> mlp_;
};

}  // namespace hearth::models
