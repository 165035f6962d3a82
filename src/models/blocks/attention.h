#pragma once

#include "models/blocks/rope.h"
#include "models/blocks/step.h"
#include "models/weights.h"

namespace hearth::models {

// Shape of a layer's grouped-query attention (arXiv:2305.13245).
struct AttentionConfig {
  int64_t width = 0;
  int64_t n_heads = 0;
  int64_t n_kv_heads = 0;
  int64_t head_dim = 0;    // of queries and keys
  int64_t v_head_dim = 0;  // of values
  float scale = 0.0F;      // of scores; 0: 1 / sqrt(head_dim)
  float soft_cap = 0.0F;   // of scores; 0: none
  int64_t window = 0;      // positions that a token sees; 0: all
  bool has_biases = false;
  bool has_sinks = false;
  bool has_output_gate = false;  // attn_q gives each head a query and a gate of its output (qwen3.5)
  float qk_norm_epsilon = 0.0F;  // 0: queries and keys are not normalised

  KvLayerShape kv_shape() const noexcept { return {n_kv_heads, head_dim, v_head_dim}; }
};

// Projects to q, k, v; turns q and k; caches k and v; attends; projects back.
class Attention {
 public:
  // Reads PREFIX.attn_{q,k,v,output}.weight, and where the configuration says so their biases,
  // attn_{q,k}_norm.weight (one per head element) and attn_sinks.weight. `rope` must outlive the block.
  static Result<Attention> load(WeightReader& weights, const std::string& prefix,
                                const AttentionConfig& config, const Rope& rope);

  static size_t workspace_bytes(const AttentionConfig& config, int64_t n_rows);

  // x, out [n, width], distinct.
  void apply(const StepContext& step, const tensor::PagedKv& cache, const tensor::Tensor& x,
             const tensor::Tensor& out) const;

 private:
  Result<void> load_extras(WeightReader& weights, const std::string& prefix);
  void project_gated(const StepContext& step, const tensor::Tensor& x, const tensor::Tensor& q,
                     const tensor::Tensor& gate) const;
  void normalise_heads(const StepContext& step, const tensor::Tensor& q, const tensor::Tensor& k) const;

  AttentionConfig config_;
  const Rope* rope_ = nullptr;
  tensor::Tensor q_, k_, v_, output_;
  tensor::Tensor q_bias_, k_bias_, v_bias_, output_bias_;
  tensor::Tensor q_norm_, k_norm_;
  tensor::Tensor sinks_;
};

}  // namespace hearth::models
