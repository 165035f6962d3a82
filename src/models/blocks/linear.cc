#include "models/blocks/linear.h"

namespace hearth::models {

Result<Linear> Linear::load(WeightReader& weights, const std::string& name, int64_t rows, int64_t columns,
                            Bias bias) {
  return load_rows(weights, name, rows, columns, {0, rows}, bias);
}

Result<Linear> Linear::load_rows(WeightReader& weights, const std::string& name, int64_t rows,
                                 int64_t columns, RowRange range, Bias bias) {
  Linear block;
  HEARTH_ASSIGN(WeightReader::OrderedMatrix matrix,
                weights.ordered_matrix_rows(name + ".weight", {rows, columns}, range));
  block.weight_ = matrix.weight;
  block.order_ = matrix.order;
  const std::string bias_name = name + ".bias";
  if (bias == Bias::kRequired || (bias == Bias::kOptional && weights.has(bias_name))) {
    HEARTH_ASSIGN(block.bias_, weights.vector_part(bias_name, rows, range));
  }
  return block;
}

size_t Linear::workspace_bytes(int64_t n_rows) const {
  return order_ ? Workspace::bytes_for({n_rows, order_->shape[0]}) : 0;
}

void Linear::apply(const StepContext& step, const tensor::Tensor& x, const tensor::Tensor& out) const {
  if (order_) {
    const Workspace::Scope scope(step.workspace);
    const tensor::Tensor ordered = step.workspace.take({x.shape[0], order_->shape[0]});
    step.backend.gather_columns(x, *order_, ordered);
    step.backend.matmul(ordered, weight_, out);
  } else {
    step.backend.matmul(x, weight_, out);
  }
  if (bias_) step.backend.add_bias(out, *bias_);
}

}  // namespace hearth::models
