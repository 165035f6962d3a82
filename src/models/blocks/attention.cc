#include "models/blocks/attention.h"

#include <cmath>

namespace hearth::models {

using tensor::Tensor;

Result<Attention> Attention::load(WeightReader& weights, const std::string& prefix,
                                  const AttentionConfig& config, const Rope& rope) {
  Attention block;
  block.config_ = config;
  block.rope_ = &rope;
  const int64_t q_width = config.n_heads * config.head_dim;
  const int64_t k_width = config.n_kv_heads * config.head_dim;
  const int64_t v_width = config.n_kv_heads * config.v_head_dim;
  const int64_t out_width = config.n_heads * config.v_head_dim;
  const int64_t q_rows = config.has_output_gate ? 2 * q_width : q_width;
  HEARTH_CHECK(!config.has_output_gate || config.head_dim == config.v_head_dim);
  HEARTH_ASSIGN(block.q_, weights.matrix(prefix + ".attn_q.weight", {q_rows, config.width}));
  HEARTH_ASSIGN(block.k_, weights.matrix(prefix + ".attn_k.weight", {k_width, config.width}));
  HEARTH_ASSIGN(block.v_, weights.matrix(prefix + ".attn_v.weight", {v_width, config.width}));
  HEARTH_ASSIGN(block.output_, weights.matrix(prefix + ".attn_output.weight", {config.width, out_width}));
  HEARTH_TRY(block.load_extras(weights, prefix));
  return block;
}

Result<void> Attention::load_extras(WeightReader& weights, const std::string& prefix) {
  const AttentionConfig& c = config_;
  if (c.has_biases) {
    HEARTH_ASSIGN(q_bias_, weights.vector(prefix + ".attn_q.bias", c.n_heads * c.head_dim));
    HEARTH_ASSIGN(k_bias_, weights.vector(prefix + ".attn_k.bias", c.n_kv_heads * c.head_dim));
    HEARTH_ASSIGN(v_bias_, weights.vector(prefix + ".attn_v.bias", c.n_kv_heads * c.v_head_dim));
    HEARTH_ASSIGN(output_bias_, weights.vector(prefix + ".attn_output.bias", c.width));
  }
  if (c.qk_norm_epsilon > 0) {
    HEARTH_ASSIGN(q_norm_, weights.vector(prefix + ".attn_q_norm.weight", c.head_dim));
    HEARTH_ASSIGN(k_norm_, weights.vector(prefix + ".attn_k_norm.weight", c.head_dim));
  }
  if (c.has_sinks) {
    HEARTH_ASSIGN(sinks_, weights.vector(prefix + ".attn_sinks.weight", c.n_heads));
  }
  return {};
}

// Head by head a query, then a gate.
void Attention::project_gated(const StepContext& step, const Tensor& x, const Tensor& q,
                              const Tensor& gate) const {
  const Workspace::Scope scope(step.workspace);
  const int64_t n = step.n_rows();
  const int64_t head_dim = config_.head_dim;
  const Tensor both = step.workspace.take({n, 2 * config_.n_heads * head_dim});
  step.backend.matmul(x, q_, both);
  const Tensor pairs = both.reshaped({n * config_.n_heads, 2 * head_dim});
  const tensor::Shape heads{n * config_.n_heads, head_dim};
  step.backend.copy_columns(pairs, 0, q.reshaped(heads), 0, head_dim);
  step.backend.copy_columns(pairs, head_dim, gate.reshaped(heads), 0, head_dim);
}

// Every head of every row by itself.
void Attention::normalise_heads(const StepContext& step, const Tensor& q, const Tensor& k) const {
  const int64_t n = step.n_rows();
  const Tensor q_rows = q.reshaped({n * config_.n_heads, config_.head_dim});
  const Tensor k_rows = k.reshaped({n * config_.n_kv_heads, config_.head_dim});
  step.backend.rms_norm(q_rows, q_norm_, config_.qk_norm_epsilon, q_rows);
  step.backend.rms_norm(k_rows, k_norm_, config_.qk_norm_epsilon, k_rows);
}

size_t Attention::workspace_bytes(const AttentionConfig& c, int64_t n_rows) {
  const size_t gate_bytes = c.has_output_gate ? Workspace::bytes_for({n_rows, c.n_heads * c.head_dim}) +
                                                    Workspace::bytes_for({n_rows, 2 * c.n_heads * c.head_dim})
                                              : 0;
  return gate_bytes + Workspace::bytes_for({n_rows, c.n_heads * c.head_dim}) +
         Workspace::bytes_for({n_rows, c.n_kv_heads * c.head_dim}) +
         Workspace::bytes_for({n_rows, c.n_kv_heads * c.v_head_dim}) +
         Workspace::bytes_for({n_rows, c.n_heads * c.v_head_dim});
}

void Attention::apply(const StepContext& step, const tensor::PagedKv& cache, const Tensor& x,
                      const Tensor& out) const {
  const Workspace::Scope scope(step.workspace);
  const int64_t n = step.n_rows();
  const Tensor q = step.workspace.take({n, config_.n_heads * config_.head_dim});
  const Tensor k = step.workspace.take({n, config_.n_kv_heads * config_.head_dim});
  const Tensor v = step.workspace.take({n, config_.n_kv_heads * config_.v_head_dim});
  const Tensor attended = step.workspace.take({n, config_.n_heads * config_.v_head_dim});
  const Tensor q_heads = q.reshaped({n, config_.n_heads, config_.head_dim});
  const Tensor k_heads = k.reshaped({n, config_.n_kv_heads, config_.head_dim});
  const Tensor v_heads = v.reshaped({n, config_.n_kv_heads, config_.v_head_dim});

  tensor::Backend& backend = step.backend;
  Tensor gate;
  if (config_.has_output_gate) {
    gate = step.workspace.take(q.shape);
    project_gated(step, x, q, gate);
  } else {
    backend.matmul(x, q_, q);
  }
  backend.matmul(x, k_, k);
  backend.matmul(x, v_, v);
  if (config_.has_biases) {
    backend.add_bias(q, q_bias_);
    backend.add_bias(k, k_bias_);
    backend.add_bias(v, v_bias_);
  }
  if (config_.qk_norm_epsilon > 0) normalise_heads(step, q, k);
  backend.rope(q_heads, step.input.positions, rope_->args());
  backend.rope(k_heads, step.input.positions, rope_->args());
  backend.store_kv(k_heads, v_heads, cache, step.input.sequences);
  const float scale =
      config_.scale != 0 ? config_.scale : 1.0F / std::sqrt(static_cast<float>(config_.head_dim));
  const tensor::AttentionArgs args{scale, config_.soft_cap, config_.window, sinks_};
  backend.attention(q_heads, cache, step.input.sequences, args,
                    attended.reshaped({n, config_.n_heads, config_.v_head_dim}));
  if (config_.has_output_gate) backend.gate_by_sigmoid(attended, gate);
  backend.matmul(attended, output_, out);
  if (config_.has_biases) backend.add_bias(out, output_bias_);
}

}  // namespace hearth::models
