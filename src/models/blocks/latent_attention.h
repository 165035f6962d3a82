#pragma once

#include <memory>

#include "models/blocks/linear.h"
#include "models/blocks/norm.h"
#include "models/blocks/rope.h"
#include "models/blocks/step.h"
#include "models/weights.h"

namespace hearth::models {

// Multi-head latent attention (arXiv:2405.04434 section 2.1): all heads' keys and values are projections of
// one latent vector per token, beside which one key part, the same for all heads, turns with the position.
struct LatentAttentionConfig {
  int64_t width = 0;
  int64_t n_heads = 0;
  int64_t plain_dim = 0;   // of a head's query and key: what does not turn ...
  int64_t turned_dim = 0;  // ... and what does
  int64_t v_head_dim = 0;
  int64_t kv_rank = 0;  // of the latent vector
  int64_t q_rank = 0;   // of the vector that queries are projections of; 0: they come from the input
  float scale = 1.0F;   // of q k^T
  NormConfig norm;
  std::shared_ptr<const Rope> rope;

  int64_t head_dim() const noexcept { return plain_dim + turned_dim; }
  int64_t cached_dim() const noexcept { return kv_rank + turned_dim; }
};

// attention.{head_count,kv_lora_rank,q_lora_rank}; a head's lengths from attention.{key,value}_length_mla, or
// key_length and value_length in files from before those; `rope` turns the end of a head. scale is
// 1 / sqrt(head_dim).
Result<LatentAttentionConfig> read_latent_attention_config(const ConfigReader& reader, int64_t width,
                                                           const RopeConfig& rope);

// Only the latent vector and the turned key are cached: queries are brought into the latent space, where a
// key's beginning is the value too, and the answer is brought back ("absorbed" projections).
class LatentAttention {
 public:
  // Reads PREFIX.attn_q.weight or PREFIX.attn_q_{a,b}.weight and attn_q_a_norm, attn_kv_a_mqa,
  // attn_kv_a_norm, attn_{k,v}_b (or attn_kv_b, which has both transposed, and is rearranged to F32) and
  // attn_output.
  static Result<LatentAttention> load(WeightReader& weights, const std::string& prefix,
                                      const LatentAttentionConfig& config);

  KvLayerShape kv_shape() const noexcept {
    return {.n_kv_heads = 1,
            .k_head_dim = config_.cached_dim(),
            .v_head_dim = config_.kv_rank,
            .values_in_keys = true};
  }
  size_t workspace_bytes(int64_t n_rows) const;

  // x, out [n, width], distinct.
  void apply(const StepContext& step, const tensor::PagedKv& cache, const tensor::Tensor& x,
             const tensor::Tensor& out) const;

 private:
  Result<void> load_queries(WeightReader& weights, const std::string& prefix);
  Result<void> load_heads(WeightReader& weights, const std::string& prefix);
  Result<void> split_heads(WeightReader& weights, const std::string& name);
  void project_queries(const StepContext& step, const tensor::Tensor& x, const tensor::Tensor& q) const;
  // Queries in the latent space, [n, n_heads * cached_dim].
  void absorb_queries(const StepContext& step, const tensor::Tensor& x, const tensor::Tensor& absorbed) const;
  void store_latent(const StepContext& step, const tensor::PagedKv& cache, const tensor::Tensor& x) const;

  LatentAttentionConfig config_;
  Linear q_, q_a_, kv_a_, output_;
  Norm q_a_norm_, kv_a_norm_;
  tensor::Tensor k_b_;                                       // [n_heads, kv_rank, plain_dim]
  tensor::Tensor v_b_;                                       // [n_heads, v_head_dim, kv_rank]
  std::shared_ptr<tensor::Buffer> k_b_memory_, v_b_memory_;  // where the file has neither
};

}  // namespace hearth::models
