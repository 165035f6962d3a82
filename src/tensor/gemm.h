// Products of dense f32 matrices, as training has them: any of them may be transposed, or a part of a larger
// one. Inference has Backend::matmul, whose weights may be quantised.
#pragma once

#include <cstdint>

namespace hearth::tensor {

// Element (i, j) at data[i * row_stride + j * column_stride]; one of the strides is 1.
template <typename T>
struct MatrixView {
  const T* data;
  int64_t row_stride;
  int64_t column_stride;

  MatrixView transposed() const noexcept { return {data, column_stride, row_stride}; }
  MatrixView from(int64_t row, int64_t column) const noexcept {
    return {data + row * row_stride + column * column_stride, row_stride, column_stride};
  }
};

// c = a b, or (`adds`) c += a b.   a [m, k], b [k, n], c [m, n] with rows c_stride apart and no overlap with
// a or b. Where k is 0, a b is zeros.
template <typename T>
struct GemmArgs {
  int64_t m, n, k;
  MatrixView<T> a, b;
  bool adds;
  T* c;
  int64_t c_stride;
};

// What factors are rounded to before they are multiplied; sums are f32 in either case.
enum class GemmPrecision { kF32, kBf16 };

// Each element is summed in the order of k, alike for any number of threads and wherever it stands in c.
class Gemm {
 public:
  virtual ~Gemm() = default;
  // Divided among all threads. One thread at a time may call it.
  virtual void multiply(const GemmArgs<float>& args) = 0;
  // By the calling thread alone, which is number `thread` of the pool's region that is running: there each
  // thread may have a product of its own.
  virtual void multiply_on(int thread, const GemmArgs<float>& args) = 0;
};

}  // namespace hearth::tensor
