#pragma once

#include <memory>
#include <optional>

#include "models/blocks/linear.h"
#include "models/blocks/norm.h"
#include "models/blocks/rope.h"
#include "models/blocks/step.h"
#include "models/weights.h"

namespace hearth::models {

// Queries and keys normalised before they turn, by NormConfig of the model.
enum class QkNorm {
  kNone,
  kPerHead,   // each head by itself, all with the same weight [head_dim]
  kAllHeads,  // all heads of a token together, weight [n_heads * head_dim]
};

// A layer's grouped-query attention (arXiv:2305.13245).
struct AttentionConfig {
  int64_t width = 0;
  int64_t n_heads = 0;
  int64_t n_kv_heads = 0;
  int64_t head_dim = 0;    // of queries and keys
  int64_t v_head_dim = 0;  // of values
  float scale = 1.0F;      // of q k^T
  float soft_cap = 0.0F;   // of scores; 0: none
  int64_t window = 0;      // positions that a token sees, itself among them; 0: all
  bool causal = true;      // or a token sees those behind it too
  bool sinks = false;
  bool output_gate = false;  // attn_q gives each head a query and a gate of its answer
  bool fused_qkv = false;    // q, k and v one above the other in attn_qkv
  Bias qkv_bias = Bias::kNone;
  Bias output_bias = Bias::kNone;
  QkNorm qk_norm = QkNorm::kNone;
  bool normalise_values = false;  // each head by itself, without a weight
  NormConfig norm;                // of qk_norm and normalise_values
  bool keys_are_values = false;   // attn_k gives both; values are taken before keys are normalised and turned
  std::optional<size_t> kv_of_layer;  // an earlier one, whose keys and values it reads: it has only queries
  std::shared_ptr<const Rope> rope;   // null: queries and keys do not turn

  bool has_kv() const noexcept { return !kv_of_layer; }
  KvLayerShape kv_shape() const noexcept {
    return {.n_kv_heads = n_kv_heads,
            .k_head_dim = head_dim,
            .v_head_dim = v_head_dim,
            .window = window,
            .shared_with = kv_of_layer};
  }
};

// attention.head_count, head_count_kv (default: as many), key_length and value_length (default: width /
// heads); scale is 1 / sqrt(head_dim), and the rest as AttentionConfig has it.
Result<AttentionConfig> read_attention_config(const ConfigReader& reader, int64_t width);

// Projects to q, k, v; turns q and k; caches k and v; attends; projects back.
class Attention {
 public:
  // Reads PREFIX.attn_{q,k,v,output}.{weight,bias} or PREFIX.attn_qkv.{weight,bias}, and
  // PREFIX.attn_{q,k}_norm.weight and PREFIX.attn_sinks.weight, as the configuration says.
  static Result<Attention> load(WeightReader& weights, const std::string& prefix,
                                const AttentionConfig& config);

  KvLayerShape kv_shape() const noexcept { return config_.kv_shape(); }
  size_t workspace_bytes(int64_t n_rows) const;

  // x, out [n, width], distinct.
  void apply(const StepContext& step, const tensor::PagedKv& cache, const tensor::Tensor& x,
             const tensor::Tensor& out) const;

 private:
  Result<void> load_qkv(WeightReader& weights, const std::string& prefix);
  Result<void> load_norms(WeightReader& weights, const std::string& prefix);
  void project_queries(const StepContext& step, const tensor::Tensor& x, const tensor::Tensor& q,
                       const tensor::Tensor& gate) const;
  // Projects keys and values and puts them into the cache.
  void store_kv(const StepContext& step, const tensor::PagedKv& cache, const tensor::Tensor& x) const;
  void normalise(const StepContext& step, const Norm& norm, const tensor::Tensor& x, int64_t n_heads) const;
  void turn(const StepContext& step, const tensor::Tensor& heads) const;

  AttentionConfig config_;
  Linear q_, k_, v_, output_;
  Norm q_norm_, k_norm_, v_norm_;
  tensor::Tensor sinks_;
};

}  // namespace hearth::models
