#include "models/blocks/attention.h"

#include <algorithm>
#include <cmath>

namespace hearth::models {

using tensor::Tensor;

Result<AttentionConfig> read_attention_config(const ConfigReader& reader, int64_t width) {
  constexpr int64_t kMaxCount = ConfigReader::kMaxCount;
  AttentionConfig c;
  c.width = width;
  HEARTH_ASSIGN(c.n_heads, reader.count("attention.head_count"));
  HEARTH_ASSIGN(c.n_kv_heads, reader.count_or("attention.head_count_kv", c.n_heads));
  if (c.n_kv_heads == 0 || c.n_heads % c.n_kv_heads != 0) {
    return reader.error("attention.head_count_kv", fmt::format("a divisor of head_count = {}", c.n_heads),
                        c.n_kv_heads);
  }
  if (!reader.has("attention.key_length") && width % c.n_heads != 0) {
    return reader.error("attention.head_count", fmt::format("a divisor of embedding_length = {}", width),
                        c.n_heads);
  }
  HEARTH_ASSIGN(c.head_dim, reader.count_or("attention.key_length", width / c.n_heads));
  HEARTH_ASSIGN(c.v_head_dim, reader.count_or("attention.value_length", c.head_dim));
  if (c.head_dim == 0 || c.head_dim > kMaxCount / c.n_heads) {
    return reader.error("attention.key_length", fmt::format("1 to {}", kMaxCount / c.n_heads), c.head_dim);
  }
  if (c.v_head_dim == 0 || c.v_head_dim > kMaxCount / c.n_heads) {
    return reader.error("attention.value_length", fmt::format("1 to {}", kMaxCount / c.n_heads),
                        c.v_head_dim);
  }
  c.scale = 1.0F / std::sqrt(static_cast<float>(c.head_dim));
  return c;
}

Result<Attention> Attention::load(WeightReader& weights, const std::string& prefix,
                                  const AttentionConfig& c) {
  Attention block;
  block.config_ = c;
  HEARTH_TRY(block.load_qkv(weights, prefix));
  HEARTH_TRY(block.load_norms(weights, prefix));
  HEARTH_ASSIGN(block.output_, Linear::load(weights, prefix + ".attn_output", c.width,
                                            c.n_heads * c.v_head_dim, c.output_bias));
  if (c.sinks) {
    HEARTH_ASSIGN(block.sinks_, weights.vector(prefix + ".attn_sinks.weight", c.n_heads));
  }
  return block;
}

Result<void> Attention::load_qkv(WeightReader& weights, const std::string& prefix) {
  const AttentionConfig& c = config_;
  const int64_t q_rows = c.n_heads * c.head_dim;
  const int64_t k_rows = c.n_kv_heads * c.head_dim;
  const int64_t v_rows = c.n_kv_heads * c.v_head_dim;
  HEARTH_CHECK(!c.output_gate || (!c.fused_qkv && c.head_dim == c.v_head_dim));
  HEARTH_CHECK(!c.fused_qkv || (c.has_kv() && !c.keys_are_values));
  HEARTH_CHECK(!c.keys_are_values || c.head_dim == c.v_head_dim);
  if (!c.fused_qkv) {
    const int64_t gate_rows = c.output_gate ? q_rows : 0;
    HEARTH_ASSIGN(q_, Linear::load(weights, prefix + ".attn_q", q_rows + gate_rows, c.width, c.qkv_bias));
    if (c.has_kv()) {
      HEARTH_ASSIGN(k_, Linear::load(weights, prefix + ".attn_k", k_rows, c.width, c.qkv_bias));
    }
    if (c.has_kv() && !c.keys_are_values) {
      HEARTH_ASSIGN(v_, Linear::load(weights, prefix + ".attn_v", v_rows, c.width, c.qkv_bias));
    }
    return {};
  }
  const auto rows = [&](int64_t first, int64_t n) {
    return Linear::load_rows(weights, prefix + ".attn_qkv", q_rows + k_rows + v_rows, c.width, {first, n},
                             c.qkv_bias);
  };
  HEARTH_ASSIGN(q_, rows(0, q_rows));
  HEARTH_ASSIGN(k_, rows(q_rows, k_rows));
  HEARTH_ASSIGN(v_, rows(q_rows + k_rows, v_rows));
  return {};
}

Result<void> Attention::load_norms(WeightReader& weights, const std::string& prefix) {
  const AttentionConfig& c = config_;
  if (c.normalise_values && c.has_kv()) {
    HEARTH_ASSIGN(v_norm_, Norm::without_weight(weights, c.v_head_dim, c.norm));
  }
  if (c.qk_norm == QkNorm::kNone) return {};
  const bool per_head = c.qk_norm == QkNorm::kPerHead;
  const int64_t q_width = c.head_dim * (per_head ? 1 : c.n_heads);
  const int64_t k_width = c.head_dim * (per_head ? 1 : c.n_kv_heads);
  HEARTH_ASSIGN(q_norm_, Norm::load(weights, prefix + ".attn_q_norm", q_width, c.norm));
  if (c.has_kv()) {
    HEARTH_ASSIGN(k_norm_, Norm::load(weights, prefix + ".attn_k_norm", k_width, c.norm));
  }
  return {};
}

size_t Attention::workspace_bytes(int64_t n_rows) const {
  const AttentionConfig& c = config_;
  const size_t gate = c.output_gate ? Workspace::bytes_for({n_rows, c.n_heads * c.head_dim}) +
                                          Workspace::bytes_for({n_rows, 2 * c.n_heads * c.head_dim})
                                    : 0;
  const size_t ordered = std::max({q_.workspace_bytes(n_rows), k_.workspace_bytes(n_rows),
                                   v_.workspace_bytes(n_rows), output_.workspace_bytes(n_rows)});
  return ordered + gate + Workspace::bytes_for({n_rows, c.n_heads * c.head_dim}) +
         Workspace::bytes_for({n_rows, c.n_kv_heads * c.head_dim}) +
         Workspace::bytes_for({n_rows, c.n_kv_heads * c.v_head_dim}) +
         Workspace::bytes_for({n_rows, c.n_heads * c.v_head_dim});
}

// With gates, the projection has head by head a query, then a gate.
void Attention::project_queries(const StepContext& step, const Tensor& x, const Tensor& q,
                                const Tensor& gate) const {
  if (!config_.output_gate) return q_.apply(step, x, q);
  const Workspace::Scope scope(step.workspace);
  const int64_t head_dim = config_.head_dim;
  const int64_t n_heads = step.n_rows() * config_.n_heads;
  const Tensor both = step.workspace.take({step.n_rows(), 2 * config_.n_heads * head_dim});
  q_.apply(step, x, both);
  const Tensor pairs = both.reshaped({n_heads, 2 * head_dim});
  step.backend.copy_columns(pairs, 0, q.reshaped({n_heads, head_dim}), 0, head_dim);
  step.backend.copy_columns(pairs, head_dim, gate.reshaped({n_heads, head_dim}), 0, head_dim);
}

void Attention::normalise(const StepContext& step, const Norm& norm, const Tensor& x, int64_t n_heads) const {
  if (config_.qk_norm == QkNorm::kNone) return;
  const bool per_head = config_.qk_norm == QkNorm::kPerHead;
  const Tensor rows = per_head ? x.reshaped({x.shape[0] * n_heads, config_.head_dim}) : x;
  norm.apply(step, rows, rows);
}

void Attention::turn(const StepContext& step, const Tensor& heads) const {
  if (config_.rope != nullptr) step.backend.rope(heads, step.input.positions, config_.rope->args());
}

void Attention::store_kv(const StepContext& step, const tensor::PagedKv& cache, const Tensor& x) const {
  const Workspace::Scope scope(step.workspace);
  const int64_t n = step.n_rows();
  const int64_t n_heads = config_.n_kv_heads;
  const Tensor k = step.workspace.take({n, n_heads * config_.head_dim});
  const Tensor v = step.workspace.take({n, n_heads * config_.v_head_dim});
  k_.apply(step, x, k);
  if (config_.keys_are_values) {
    step.backend.copy_columns(k, 0, v, 0, k.shape[1]);
  } else {
    v_.apply(step, x, v);
  }
  normalise(step, k_norm_, k, n_heads);
  if (config_.normalise_values) {
    const Tensor rows = v.reshaped({n * n_heads, config_.v_head_dim});
    v_norm_.apply(step, rows, rows);
  }
  const Tensor k_heads = k.reshaped({n, n_heads, config_.head_dim});
  turn(step, k_heads);
  step.backend.store_kv(k_heads, v.reshaped({n, n_heads, config_.v_head_dim}), cache, step.sequences);
}

void Attention::apply(const StepContext& step, const tensor::PagedKv& cache, const Tensor& x,
                      const Tensor& out) const {
  const Workspace::Scope scope(step.workspace);
  const int64_t n = step.n_rows();
  const Tensor q = step.workspace.take({n, config_.n_heads * config_.head_dim});
  const Tensor attended = step.workspace.take({n, config_.n_heads * config_.v_head_dim});
  const Tensor q_heads = q.reshaped({n, config_.n_heads, config_.head_dim});

  const Tensor gate = config_.output_gate ? step.workspace.take(q.shape) : Tensor{};
  project_queries(step, x, q, gate);
  normalise(step, q_norm_, q, config_.n_heads);
  turn(step, q_heads);
  if (config_.has_kv()) store_kv(step, cache, x);
  const tensor::AttentionArgs args{config_.scale, config_.soft_cap, config_.window,
                                   sinks_,        config_.causal,   output_.dtype()};
  step.backend.attention(q_heads, cache, step.sequences, args,
                         attended.reshaped({n, config_.n_heads, config_.v_head_dim}));
  if (config_.output_gate) step.backend.gate_by_sigmoid(attended, gate);
  output_.apply(step, attended, out);
}

}  // namespace hearth::models
