#include "models/blocks/moe.h"

namespace hearth::models {

using tensor::Tensor;

Result<MoeMlp> MoeMlp::load(WeightReader& weights, const std::string& prefix, const MoeConfig& c) {
  MoeMlp block;
  block.config_ = c;
  const tensor::Shape inward{c.n_experts, c.expert_ffn_width, c.width};
  const tensor::Shape outward{c.n_experts, c.width, c.expert_ffn_width};
  HEARTH_ASSIGN(block.router_, weights.matrix(prefix + ".ffn_gate_inp.weight", {c.n_experts, c.width}));
  HEARTH_ASSIGN(block.gate_, weights.matrix(prefix + ".ffn_gate_exps.weight", inward));
  HEARTH_ASSIGN(block.up_, weights.matrix(prefix + ".ffn_up_exps.weight", inward));
  HEARTH_ASSIGN(block.down_, weights.matrix(prefix + ".ffn_down_exps.weight", outward));
  return block;
}

size_t MoeMlp::workspace_bytes(int64_t n_rows) const {
  const MoeConfig& c = config_;
  return Workspace::bytes_for({n_rows, c.n_experts}) + 2 * Workspace::bytes_for({n_rows, c.n_used}) +
         2 * Workspace::bytes_for({n_rows, c.n_used, c.expert_ffn_width}) +
         Workspace::bytes_for({n_rows, c.n_used, c.width});
}

void MoeMlp::apply(const StepContext& step, const Tensor& x, const Tensor& out) const {
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
  backend.matmul(x, router_, logits);
  backend.route(logits, config_.route, experts, weights);
  const Tensor x_for_all = x.reshaped({n, 1, config_.width});
  backend.matmul_experts(x_for_all, gate_, experts, gate);
  backend.matmul_experts(x_for_all, up_, experts, up);
  const tensor::Shape flat{n * n_used, config_.expert_ffn_width};
  backend.activate_gate(tensor::Activation::kSilu, gate.reshaped(flat), up.reshaped(flat));
  backend.matmul_experts(gate, down_, experts, down);
  backend.combine_experts(down, weights, out);
}

}  // namespace hearth::models
