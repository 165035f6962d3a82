#include "tensor/tensor.h"

#include <fmt/format.h>

namespace hearth::tensor {

std::string Shape::to_string() const {
  std::string text = "[";
  for (size_t i = 0; i < rank_; ++i) text += fmt::format("{}{}", i == 0 ? "" : ", ", dims_[i]);
  return text + "]";
}

size_t Tensor::size_bytes() const noexcept {
  if (shape.rank() == 0 || shape.n_elements() == 0) return 0;
  const auto row = row_bytes(dtype, static_cast<uint64_t>(shape.back()));
  HEARTH_CHECK(row.has_value());
  return static_cast<size_t>(shape.n_elements() / shape.back()) * *row;
}

Tensor Tensor::first(int64_t n) const noexcept {
  HEARTH_CHECK(shape.rank() > 0 && n <= shape[0]);
  Shape to{n};
  for (size_t i = 1; i < shape.rank(); ++i) to.push_back(shape[i]);
  return {dtype, to, data};
}

Tensor Tensor::slice(int64_t begin, int64_t n) const noexcept {
  HEARTH_CHECK(shape.rank() > 0 && begin >= 0 && n >= 0 && begin + n <= shape[0]);
  if (n == 0) return first(0);
  Tensor rows = first(n);
  const auto row_bytes = static_cast<int64_t>(size_bytes()) / shape[0];
  rows.data = as<std::byte>() + begin * row_bytes;
  return rows;
}

Tensor Tensor::reshaped(Shape to) const noexcept {
  HEARTH_CHECK(to.n_elements() == shape.n_elements());
  return {dtype, to, data};
}

}  // namespace hearth::tensor
