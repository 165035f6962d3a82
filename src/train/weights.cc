#include "train/weights.h"

#include "train/ops.h"

namespace hearth::train {

template <typename T>
std::vector<typename AdamW<T>::Part> DenseWeights<T>::parts() const {
  std::vector<typename AdamW<T>::Part> parts;
  for (const Parameter& parameter : parameters_) parts.push_back({parameter.size(), parameter.is_matrix});
  return parts;
}

template <typename T>
void DenseWeights<T>::multiply(Threads& threads, const Parameter& matrix, const T* x, int64_t n, bool adds,
                               T* out) {
  linear(threads, x, values_.data() + matrix.begin, n, matrix.columns, matrix.rows, adds, out);
}

template <typename T>
void DenseWeights<T>::multiply_backward(Threads& threads, const Parameter& matrix, const T* x, const T* d_out,
                                        int64_t n, bool adds, T* d_x) {
  linear_backward(threads, x, values_.data() + matrix.begin, d_out, n, matrix.columns, matrix.rows, adds, d_x,
                  derivatives_.data() + matrix.begin);
}

template <typename T>
void DenseWeights<T>::embed(Threads& threads, const Parameter& matrix, std::span<const int32_t> tokens,
                            T* out) {
  train::embed(threads, values_.data() + matrix.begin, tokens, matrix.columns, out);
}

template <typename T>
void DenseWeights<T>::embed_backward(const Parameter& matrix, const T* d_out,
                                     std::span<const int32_t> tokens) {
  train::embed_backward(d_out, tokens, matrix.columns, derivatives_.data() + matrix.begin);
}

template class DenseWeights<float>;
template class DenseWeights<double>;

}  // namespace hearth::train
