// Weights that are not learnt, as they lie in a model's file: quantised or not.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "models/checkpoint.h"
#include "train/decoder_layout.h"
#include "train/threads.h"

namespace hearth::train {

// Matrices become floats a panel of rows at a time, for each product anew, in a scratch of some megabytes;
// F32 ones are used where they lie. One thread at a time may use it.
template <typename T>
class FrozenWeights {
 public:
  // Of the tensors with the layout's names, whose bytes must outlive it. kMalformed, naming the tensor, for
  // one that is missing or of another shape; kUnsupported for a type that cannot be dequantised.
  static Result<FrozenWeights> create(const models::Checkpoint& checkpoint, const DecoderLayout& layout);

  // out = x w^T, or (`adds`) out += it.   x [n, columns], out [n, rows]
  void multiply(Threads& threads, const Parameter& matrix, const T* x, int64_t n, bool adds, T* out);
  // out = x w, or (`adds`) out += it.   x [n, rows], out [n, columns]
  void multiply_transposed(Threads& threads, const Parameter& matrix, const T* x, int64_t n, bool adds,
                           T* out);
  // out[i] = row tokens[i].
  void embed(Threads& threads, const Parameter& matrix, std::span<const int32_t> tokens, T* out);
  const T* vector(const Parameter& parameter);

  // Rows begin .. end of a matrix.   out [end - begin, columns]
  void rows(const Parameter& matrix, int64_t begin, int64_t end, T* out) const;

 private:
  struct Tensor {
    tensor::DType dtype;
    const std::byte* data;
    uint64_t row_bytes;
    std::vector<T> values;  // of a vector
  };
  FrozenWeights() = default;

  // Calls body(first row, rows, their values) for panels, in their order.
  template <typename Body>
  void for_panels(Threads& threads, const Parameter& matrix, const Body& body);

  std::vector<Tensor> tensors_;  // by the parameters' places
  std::vector<T> panel_;
};

extern template class FrozenWeights<float>;
extern template class FrozenWeights<double>;

}  // namespace hearth::train
