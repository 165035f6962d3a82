#include "models/blocks/linear.h"

namespace hearth::models {

Result<Linear> Linear::load(WeightReader& weights, const std::string& name, int64_t rows, int64_t columns,
                            Bias bias) {
  return load_rows(weights, name, rows, columns, {0, rows}, bias);
}

Result<Linear> Linear::load_rows(WeightReader& weights, const std::string& name, int64_t rows,
                                 int64_t columns, RowRange range, Bias bias) {
  Linear block;
  HEARTH_ASSIGN(block.weight_, weights.matrix_rows(name + ".weight", {rows, columns}, range));
  const std::string bias_name = name + ".bias";
  if (bias == Bias::kRequired || (bias == Bias::kOptional && weights.has(bias_name))) {
    HEARTH_ASSIGN(block.bias_, weights.vector_part(bias_name, rows, range));
  }
  return block;
}

}  // namespace hearth::models
