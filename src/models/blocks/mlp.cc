#include "models/blocks/mlp.h"

#include <algorithm>

namespace hearth::models {

using tensor::Tensor;

Result<Mlp> Mlp::load(WeightReader& weights, const std::string& prefix, const MlpConfig& c) {
  Mlp block;
  block.config_ = c;
  const auto name = [&](const char* part) { return fmt::format("{}.ffn_{}{}", prefix, part, c.suffix); };
  const std::string up = name("up");
  if (c.form == MlpForm::kGatedFused) {
    const int64_t rows = 2 * c.ffn_width;
    const RowRange gate_rows{0, c.ffn_width};
    const RowRange up_rows{c.ffn_width, c.ffn_width};
    HEARTH_ASSIGN(block.gate_, Linear::load_rows(weights, up, rows, c.width, gate_rows, c.bias));
    HEARTH_ASSIGN(block.up_, Linear::load_rows(weights, up, rows, c.width, up_rows, c.bias));
  } else {
    HEARTH_ASSIGN(block.up_, Linear::load(weights, up, c.ffn_width, c.width, c.bias));
  }
  if (c.form == MlpForm::kGated) {
    HEARTH_ASSIGN(block.gate_, Linear::load(weights, name("gate"), c.ffn_width, c.width, c.bias));
  }
  HEARTH_ASSIGN(block.down_, Linear::load(weights, name("down"), c.width, c.ffn_width, c.bias));
  return block;
}

size_t Mlp::workspace_bytes(int64_t n_rows) const {
  const size_t ordered =
      std::max({gate_.workspace_bytes(n_rows), up_.workspace_bytes(n_rows), down_.workspace_bytes(n_rows)});
  return ordered + 2 * Workspace::bytes_for({n_rows, config_.ffn_width});
}

void Mlp::apply(const StepContext& step, const Tensor& x, const Tensor& out) const {
  const Workspace::Scope scope(step.workspace);
  const Tensor inner = step.workspace.take({step.n_rows(), config_.ffn_width});
  if (config_.form == MlpForm::kPlain) {
    up_.apply(step, x, inner);
    step.backend.activate(config_.activation, inner);
  } else {
    const Tensor up = step.workspace.take({step.n_rows(), config_.ffn_width});
    gate_.apply(step, x, inner);
    up_.apply(step, x, up);
    step.backend.activate_gate(config_.activation, inner, up);
  }
  down_.apply(step, inner, out);
}

}  // namespace hearth::models
