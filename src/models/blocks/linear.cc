#include "models/blocks/linear.h"

#include <algorithm>

#include "models/adapter/loaded_adapter.h"

namespace hearth::models {
namespace {

using tensor::Tensor;

// Of a step's, for which an adapter is applied at once: what bounds its scratch memory.
constexpr int64_t kAdapterRows = 64;

Tensor rows_of(const Tensor& x, int64_t first, int64_t n) {
  return {x.dtype, {n, x.shape[1]}, x.f32() + first * x.shape[1]};
}

}  // namespace

size_t adapter_workspace_bytes(int64_t largest, int64_t max_rows) {
  return largest == 0 ? 0 : 2 * Workspace::bytes_for({std::min(kAdapterRows, max_rows), largest});
}

Result<Linear> Linear::load(WeightReader& weights, const std::string& name, int64_t rows, int64_t columns,
                            Bias bias) {
  return load_rows(weights, name, rows, columns, {0, rows}, bias);
}

Result<Linear> Linear::load_rows(WeightReader& weights, const std::string& name, int64_t rows,
                                 int64_t columns, RowRange range, Bias bias) {
  Linear block;
  block.name_ = name + ".weight";
  block.first_row_ = range.first;
  HEARTH_ASSIGN(WeightReader::OrderedMatrix matrix,
                weights.ordered_matrix_rows(block.name_, {rows, columns}, range));
  weights.note_adaptable(block.name_, std::max(rows, columns));
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
    step.matmul(ordered, weight_, out);
  } else {
    step.matmul(x, weight_, out);
  }
  if (bias_) step.backend.add_bias(out, *bias_);
  if (!step.input.adapters.empty()) apply_adapters(step, x, out);
}

void Linear::apply_adapters(const StepContext& step, const Tensor& x, const Tensor& out) const {
  HEARTH_CHECK(x.shape[0] == step.n_rows());
  const int64_t n_rows = out.shape[1];
  for (const AdaptedRows& rows : step.input.adapters) {
    const LoadedAdapter::Matrix* const matrix = rows.adapter->find(name_);
    if (matrix == nullptr) continue;
    const Tensor b = rows_of(matrix->b, first_row_, n_rows);
    for (int64_t begin = 0; begin < rows.n; begin += kAdapterRows) {
      const int64_t n = std::min(kAdapterRows, rows.n - begin);
      const Workspace::Scope scope(step.workspace);
      const Tensor low = step.workspace.take({n, matrix->a.shape[0]});
      const Tensor change = step.workspace.take({n, n_rows});
      step.backend.matmul(rows_of(x, rows.first + begin, n), matrix->a, low);
      step.backend.matmul(low, b, change);
      step.backend.add(rows_of(out, rows.first + begin, n), change);
    }
  }
}

}  // namespace hearth::models
