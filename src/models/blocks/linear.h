#pragma once

#include "models/blocks/step.h"
#include "models/weights.h"

namespace hearth::models {

// Whether a matrix has a bias beside it. kOptional: if the file has one.
enum class Bias { kNone, kOptional, kRequired };

// x w^T + bias, and beside it what adapters of the step's rows add.
class Linear {
 public:
  // Reads NAME.weight [rows, columns] and NAME.bias [rows].
  static Result<Linear> load(WeightReader& weights, const std::string& name, int64_t rows, int64_t columns,
                             Bias bias = Bias::kNone);
  // Rows first_row .. first_row + n_rows - 1 of them: a part of several matrices that stand in one tensor.
  static Result<Linear> load_rows(WeightReader& weights, const std::string& name, int64_t rows,
                                  int64_t columns, RowRange range, Bias bias = Bias::kNone);

  // Scratch memory of apply(): none, except where the columns stand in another order. That of adapters
  // (adapter_workspace_bytes) is the model's.
  size_t workspace_bytes(int64_t n_rows) const;

  tensor::DType dtype() const { return weight_.dtype; }

  // x [n, columns], out [n, n_rows], distinct; rows are the step's.
  void apply(const StepContext& step, const tensor::Tensor& x, const tensor::Tensor& out) const;

 private:
  void apply_adapters(const StepContext& step, const tensor::Tensor& x, const tensor::Tensor& out) const;

  std::string name_;       // of the weight
  int64_t first_row_ = 0;  // of it
  tensor::Tensor weight_;
  std::optional<tensor::Tensor> order_;  // column j of weight_ belongs to element order_[j] of x
  std::optional<tensor::Tensor> bias_;
};

// Scratch memory that adapters of a model need, of whatever rank, for a step of so many rows. `largest` is
// the largest size of the matrices that can be adapted; 0: there are none.
size_t adapter_workspace_bytes(int64_t largest, int64_t max_rows);

}  // namespace hearth::models
