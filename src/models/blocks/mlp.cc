#include "models/blocks/mlp.h"

namespace hearth::models {

using tensor::Tensor;

Result<GatedMlp> GatedMlp::load(WeightReader& weights, const std::string& prefix, int64_t width,
                                int64_t ffn_width, tensor::Activation activation, std::string_view suffix) {
  GatedMlp block;
  block.activation_ = activation;
  const auto name = [&](const char* part) { return fmt::format("{}.ffn_{}{}.weight", prefix, part, suffix); };
  block.ffn_width_ = ffn_width;
  HEARTH_ASSIGN(block.gate_, weights.matrix(name("gate"), {ffn_width, width}));
  HEARTH_ASSIGN(block.up_, weights.matrix(name("up"), {ffn_width, width}));
  HEARTH_ASSIGN(block.down_, weights.matrix(name("down"), {width, ffn_width}));
  return block;
}

size_t GatedMlp::workspace_bytes(int64_t ffn_width, int64_t n_rows) {
  return 2 * Workspace::bytes_for({n_rows, ffn_width});
}

void GatedMlp::apply(const StepContext& step, const Tensor& x, const Tensor& out) const {
  const Workspace::Scope scope(step.workspace);
  const Tensor gate = step.workspace.take({step.n_rows(), ffn_width_});
  const Tensor up = step.workspace.take({step.n_rows(), ffn_width_});
  step.backend.matmul(x, gate_, gate);
  step.backend.matmul(x, up_, up);
  step.backend.activate_gate(activation_, gate, up);
  step.backend.matmul(gate, down_, out);
}

}  // namespace hearth::models
