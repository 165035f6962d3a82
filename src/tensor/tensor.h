// Shapes and tensors. A tensor is a view: contiguous, row-major, the outermost dimension first ([rows,
// columns]).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "base/check.h"
#include "tensor/dtype.h"

namespace hearth::tensor {

// One to four dimensions, outermost first. A dimension may be 0 (an empty step).
class Shape {
 public:
  static constexpr size_t kMaxRank = 4;

  Shape() = default;
  Shape(std::initializer_list<int64_t> dims) {
    for (const int64_t dim : dims) push_back(dim);
  }

  size_t rank() const noexcept { return rank_; }
  int64_t operator[](size_t i) const noexcept {
    HEARTH_CHECK(i < rank_);
    return dims_[i];
  }
  int64_t back() const noexcept { return (*this)[rank_ - 1]; }
  void push_back(int64_t dim) noexcept {
    HEARTH_CHECK(rank_ < kMaxRank && dim >= 0);
    dims_[rank_++] = dim;
  }
  // The product of all dimensions. Whoever built the shape from outside input has checked that it does not
  // overflow.
  int64_t n_elements() const noexcept {
    int64_t n = 1;
    for (size_t i = 0; i < rank_; ++i) n *= dims_[i];
    return n;
  }
  friend bool operator==(const Shape& a, const Shape& b) noexcept {
    return a.rank_ == b.rank_ && a.dims_ == b.dims_;
  }
  std::string to_string() const;  // "[4096, 1024]"

 private:
  std::array<int64_t, kMaxRank> dims_{};
  size_t rank_ = 0;
};

// A view of memory that a Buffer of some backend, or a mapped file, owns. `data` is an address of that
// backend: only its ops may look behind it.
struct Tensor {
  DType dtype = DType::kF32;
  Shape shape;
  void* data = nullptr;

  template <typename T>
  T* as() const noexcept {
    return static_cast<T*>(data);
  }
  float* f32() const noexcept {
    HEARTH_CHECK(dtype == DType::kF32);
    return static_cast<float*>(data);
  }
  size_t size_bytes() const noexcept;
  // The first `n` of the outermost dimension; `n` of them from `begin` on.
  Tensor first(int64_t n) const noexcept;
  Tensor slice(int64_t begin, int64_t n) const noexcept;
  // The same memory in another shape of as many elements.
  Tensor reshaped(Shape to) const noexcept;
};

}  // namespace hearth::tensor
