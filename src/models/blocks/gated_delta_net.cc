#include "models/blocks/gated_delta_net.h"

namespace hearth::models {

using tensor::Tensor;

Result<GatedDeltaNet> GatedDeltaNet::load(WeightReader& weights, const std::string& prefix,
                                          const DeltaNetConfig& c) {
  GatedDeltaNet block;
  block.config_ = c;
  HEARTH_ASSIGN(block.qkv_, weights.matrix(prefix + ".attn_qkv.weight", {c.n_channels(), c.width}));
  HEARTH_ASSIGN(block.gate_, weights.matrix(prefix + ".attn_gate.weight", {c.value_width(), c.width}));
  HEARTH_ASSIGN(block.conv_, weights.floats(prefix + ".ssm_conv1d.weight", {c.n_channels(), c.kernel}));
  HEARTH_ASSIGN(block.beta_, weights.matrix(prefix + ".ssm_beta.weight", {c.n_heads, c.width}));
  HEARTH_ASSIGN(block.alpha_, weights.matrix(prefix + ".ssm_alpha.weight", {c.n_heads, c.width}));
  HEARTH_ASSIGN(block.decay_, weights.vector(prefix + ".ssm_a", c.n_heads));
  HEARTH_ASSIGN(block.dt_bias_, weights.vector(prefix + ".ssm_dt.bias", c.n_heads));
  HEARTH_ASSIGN(block.output_, weights.matrix(prefix + ".ssm_out.weight", {c.width, c.value_width()}));
  HEARTH_ASSIGN(block.norm_, Norm::load(weights, prefix + ".ssm_norm", c.value_dim, c.norm));
  return block;
}

size_t GatedDeltaNet::workspace_bytes(int64_t n_rows) const {
  const DeltaNetConfig& c = config_;
  return 2 * Workspace::bytes_for({n_rows, c.n_channels()}) +
         2 * Workspace::bytes_for({n_rows, c.value_width()}) +
         2 * Workspace::bytes_for({n_rows, c.key_width()}) + Workspace::bytes_for({n_rows, c.value_width()}) +
         2 * Workspace::bytes_for({n_rows, c.n_heads});
}

void GatedDeltaNet::apply(const StepContext& step, const tensor::RecurrentState& state, const Tensor& x,
                          const Tensor& out) const {
  const Workspace::Scope scope(step.workspace);
  const int64_t n = step.n_rows();
  const Tensor projected = step.workspace.take({n, config_.n_channels()});
  const Tensor mixed = step.workspace.take({n, config_.n_channels()});
  const Tensor gate = step.workspace.take({n, config_.value_width()});
  const Tensor recalled = step.workspace.take({n, config_.value_width()});

  tensor::Backend& backend = step.backend;
  step.matmul(x, qkv_, projected);
  backend.causal_conv(projected, conv_, state, step.sequences, mixed);
  recall(step, state, x, mixed, recalled);
  const Tensor heads = recalled.reshaped({n * config_.n_heads, config_.value_dim});
  norm_.apply(step, heads, heads);
  step.matmul(x, gate_, gate);
  backend.activate_gate(tensor::Activation::kSilu, gate, recalled);
  step.matmul(gate, output_, out);
}

void GatedDeltaNet::recall(const StepContext& step, const tensor::RecurrentState& state, const Tensor& x,
                           const Tensor& mixed, const Tensor& recalled) const {
  const Workspace::Scope scope(step.workspace);
  const int64_t n = step.n_rows();
  const int64_t key_width = config_.key_width();
  const int64_t value_width = config_.value_width();
  const Tensor q = step.workspace.take({n, key_width});
  const Tensor k = step.workspace.take({n, key_width});
  const Tensor v = step.workspace.take({n, value_width});
  const Tensor beta = step.workspace.take({n, config_.n_heads});
  const Tensor alpha = step.workspace.take({n, config_.n_heads});

  tensor::Backend& backend = step.backend;
  backend.copy_columns(mixed, 0, q, 0, key_width);
  backend.copy_columns(mixed, key_width, k, 0, key_width);
  backend.copy_columns(mixed, 2 * key_width, v, 0, value_width);
  step.matmul(x, beta_, beta);
  step.matmul(x, alpha_, alpha);
  const tensor::Shape key_heads{n, config_.n_key_heads, config_.key_dim};
  const tensor::Shape value_heads{n, config_.n_heads, config_.value_dim};
  const tensor::DeltaRuleInputs inputs{
      q.reshaped(key_heads), k.reshaped(key_heads), v.reshaped(value_heads), beta, alpha, decay_, dt_bias_};
  backend.gated_delta_rule(inputs, state, step.sequences, recalled.reshaped(value_heads));
}

}  // namespace hearth::models
