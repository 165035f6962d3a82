#include "models/blocks/moe.h"

namespace hearth::models {

using tensor::Tensor;

Result<MoeMlp> MoeMlp::load(WeightReader& weights, const std::string& prefix, const MoeConfig& c) {
  MoeMlp block;
  block.config_ = c;
  HEARTH_ASSIGN(block.router_, weights.matrix(prefix + ".ffn_gate_inp.weight", {c.n_experts, c.width}));
  HEARTH_TRY(block.load_experts(weights, prefix));
  HEARTH_TRY(block.load_extras(weights, prefix));
  return block;
}

Result<void> MoeMlp::load_experts(WeightReader& weights, const std::string& prefix) {
  const MoeConfig& c = config_;
  const tensor::Shape inward{c.n_experts, c.expert_ffn_width, c.width};
  const tensor::Shape both_inward{c.n_experts, 2 * c.expert_ffn_width, c.width};
  const tensor::Shape outward{c.n_experts, c.width, c.expert_ffn_width};
  HEARTH_CHECK(!c.fused_gate_up || !c.has_biases);
  if (c.fused_gate_up) {
    HEARTH_ASSIGN(up_, weights.matrix(prefix + ".ffn_gate_up_exps.weight", both_inward));
  } else {
    HEARTH_ASSIGN(gate_, weights.matrix(prefix + ".ffn_gate_exps.weight", inward));
    HEARTH_ASSIGN(up_, weights.matrix(prefix + ".ffn_up_exps.weight", inward));
  }
  HEARTH_ASSIGN(down_, weights.matrix(prefix + ".ffn_down_exps.weight", outward));
  return {};
}

Result<void> MoeMlp::load_extras(WeightReader& weights, const std::string& prefix) {
  const MoeConfig& c = config_;
  if (c.has_selection_bias) {
    HEARTH_ASSIGN(config_.route.selection_bias, weights.vector(prefix + ".exp_probs_b.bias", c.n_experts));
  }
  if (c.has_expert_scale) {
    HEARTH_ASSIGN(config_.route.expert_scale, weights.vector(prefix + ".ffn_down_exps.scale", c.n_experts));
  }
  if (c.has_biases) {
    const tensor::Shape inner{c.n_experts, c.expert_ffn_width};
    HEARTH_ASSIGN(router_bias_, weights.vector(prefix + ".ffn_gate_inp.bias", c.n_experts));
    HEARTH_ASSIGN(gate_bias_, weights.floats(prefix + ".ffn_gate_exps.bias", inner));
    HEARTH_ASSIGN(up_bias_, weights.floats(prefix + ".ffn_up_exps.bias", inner));
    HEARTH_ASSIGN(down_bias_, weights.floats(prefix + ".ffn_down_exps.bias", {c.n_experts, c.width}));
  }
  if (c.shared_ffn_width > 0) {
    HEARTH_ASSIGN(shared_, Mlp::load(weights, prefix, shared_config()));
  }
  if (c.has_shared_gate) {
    HEARTH_ASSIGN(const Tensor gate, weights.vector(prefix + ".ffn_gate_inp_shexp.weight", c.width));
    shared_gate_ = gate.reshaped({1, c.width});
  }
  return {};
}

MlpConfig MoeMlp::shared_config() const {
  MlpConfig c;
  c.width = config_.width;
  c.ffn_width = config_.shared_ffn_width;
  c.activation = config_.activation;
  c.suffix = "_shexp";
  return c;
}

size_t MoeMlp::workspace_bytes(int64_t n_rows) const {
  const MoeConfig& c = config_;
  const size_t shared_bytes = c.shared_ffn_width > 0
                                  ? Workspace::bytes_for({n_rows, c.width}) +
                                        Workspace::bytes_for({n_rows, 1}) + shared_.workspace_bytes(n_rows)
                                  : 0;
  const size_t fused_bytes =
      c.fused_gate_up ? Workspace::bytes_for({n_rows, c.n_used, 2 * c.expert_ffn_width}) : 0;
  return shared_bytes + fused_bytes + Workspace::bytes_for({n_rows, c.n_experts}) +
         2 * Workspace::bytes_for({n_rows, c.n_used}) +
         2 * Workspace::bytes_for({n_rows, c.n_used, c.expert_ffn_width}) +
         Workspace::bytes_for({n_rows, c.n_used, c.width});
}

void MoeMlp::project_inward(const StepContext& step, const Tensor& x, const Tensor& experts,
                            const Tensor& gate, const Tensor& up) const {
  tensor::Backend& backend = step.backend;
  const Tensor x_for_all = x.reshaped({x.shape[0], 1, config_.width});
  if (!config_.fused_gate_up) {
    step.matmul_experts(x_for_all, gate_, experts, gate);
    step.matmul_experts(x_for_all, up_, experts, up);
    return;
  }
  const Workspace::Scope scope(step.workspace);
  const int64_t n = x.shape[0] * config_.n_used;
  const int64_t width = config_.expert_ffn_width;
  const Tensor both = step.workspace.take({x.shape[0], config_.n_used, 2 * width});
  step.matmul_experts(x_for_all, up_, experts, both);
  backend.copy_columns(both.reshaped({n, 2 * width}), 0, gate.reshaped({n, width}), 0, width);
  backend.copy_columns(both.reshaped({n, 2 * width}), width, up.reshaped({n, width}), 0, width);
}

void MoeMlp::apply_routed(const StepContext& step, const Tensor& x, const Tensor& router_x,
                          const Tensor& out) const {
  const Workspace::Scope scope(step.workspace);
  const int64_t n = step.n_rows();
  const int64_t n_used = config_.n_used;
  const Tensor logits = step.workspace.take({n, config_.n_experts});
  const Tensor experts = step.workspace.take_indices({n, n_used});
  const Tensor weights = step.workspace.take({n, n_used});
  const Tensor gate = step.workspace.take({n, n_used, config_.expert_ffn_width});
  const Tensor up = step.workspace.take({n, n_used, config_.expert_ffn_width});
  const Tensor down = step.workspace.take({n, n_used, config_.width});

  tensor::Backend& backend = step.backend;
  step.matmul(router_x, router_, logits);
  if (config_.has_biases) backend.add_bias(logits, router_bias_);
  backend.route(logits, config_.route, experts, weights);
  project_inward(step, x, experts, gate, up);
  if (config_.has_biases) {
    backend.add_expert_bias(gate, gate_bias_, experts);
    backend.add_expert_bias(up, up_bias_, experts);
  }
  const tensor::Shape flat{n * n_used, config_.expert_ffn_width};
  if (config_.swiglu_limit > 0) {
    backend.clamped_swiglu(gate.reshaped(flat), up.reshaped(flat), config_.swiglu_limit);
  } else {
    backend.activate_gate(config_.activation, gate.reshaped(flat), up.reshaped(flat));
  }
  step.matmul_experts(gate, down_, experts, down);
  if (config_.has_biases) backend.add_expert_bias(down, down_bias_, experts);
  backend.combine_experts(down, weights, out);
  if (config_.shared_ffn_width > 0) add_shared(step, x, out);
}

void MoeMlp::add_shared(const StepContext& step, const Tensor& x, const Tensor& out) const {
  const Workspace::Scope scope(step.workspace);
  const Tensor answer = step.workspace.take(out.shape);
  shared_.apply(step, x, answer);
  if (config_.has_shared_gate) {
    const Tensor gate = step.workspace.take({step.n_rows(), 1});
    step.matmul(x, shared_gate_, gate);
    step.backend.gate_by_sigmoid(answer, gate);
  }
  step.backend.add(out, answer);
}

}  // namespace hearth::models
