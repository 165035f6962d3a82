#include "models/blocks/layer_inputs.h"

#include <cmath>
#include <numbers>

namespace hearth::models {

using tensor::Tensor;

Result<LayerInputs> LayerInputs::load(WeightReader& weights, const LayerInputsConfig& c) {
  LayerInputs block;
  block.config_ = c;
  const int64_t width = block.width();
  HEARTH_ASSIGN(block.table_, weights.matrix("per_layer_token_embd.weight", {c.vocabulary_size, width}));
  HEARTH_ASSIGN(block.projection_, weights.matrix("per_layer_model_proj.weight", {width, c.width}));
  HEARTH_ASSIGN(block.norm_, Norm::load(weights, "per_layer_proj_norm", c.layer_width, c.norm));
  return block;
}

size_t LayerInputs::workspace_bytes(int64_t n_rows) const {
  return Workspace::bytes_for({n_rows, width()});
}

void LayerInputs::apply(const StepContext& step, const Tensor& embedded, const Tensor& out) const {
  const Workspace::Scope scope(step.workspace);
  const int64_t n = step.n_rows();
  const Tensor looked_up = step.workspace.take({n, width()});
  tensor::Backend& backend = step.backend;
  step.matmul(embedded, projection_, out);
  backend.scale(out, 1.0F / std::sqrt(static_cast<float>(config_.width)));
  const Tensor rows = out.reshaped({n * config_.n_layers, config_.layer_width});
  norm_.apply(step, rows, rows);
  backend.embed(table_, step.input.tokens, looked_up);
  backend.scale(looked_up, std::sqrt(static_cast<float>(config_.layer_width)));
  backend.add(out, looked_up);
  backend.scale(out, 1.0F / std::numbers::sqrt2_v<float>);
}

}  // namespace hearth::models
