// What a model in training computes its products with, and where the derivatives of its weights go.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "train/decoder_layout.h"
#include "train/optimiser.h"
#include "train/threads.h"

namespace hearth::train {

// One thread at a time may use it.
template <typename T>
class Weights {
 public:
  virtual ~Weights() = default;
  Weights(const Weights&) = delete;
  Weights& operator=(const Weights&) = delete;

  // out = x w^T, or (`adds`) out += it.   x [n, columns], out [n, rows]
  virtual void multiply(Threads& threads, const Parameter& matrix, const T* x, int64_t n, bool adds,
                        T* out) = 0;
  // d_x = d_out w, or (`adds`) d_x += it, and adds to the derivatives of what is learnt. x is as it was.
  virtual void multiply_backward(Threads& threads, const Parameter& matrix, const T* x, const T* d_out,
                                 int64_t n, bool adds, T* d_x) = 0;

  // out[i] = row tokens[i] of the matrix, and its derivative.
  virtual void embed(Threads& threads, const Parameter& matrix, std::span<const int32_t> tokens, T* out) = 0;
  virtual void embed_backward(const Parameter& matrix, const T* d_out, std::span<const int32_t> tokens) = 0;

  // A norm's, and where its derivatives are added; null where it is not learnt.
  virtual const T* vector(const Parameter& parameter) = 0;
  virtual T* vector_derivatives(const Parameter& parameter) = 0;

  // What is learnt: flat, the derivatives in the same order, and the parts that it consists of.
  virtual std::span<T> values() noexcept = 0;
  virtual std::span<T> derivatives() noexcept = 0;
  virtual std::vector<typename AdamW<T>::Part> parts() const = 0;

 protected:
  Weights() = default;
};

// All are learnt: a flat buffer of them, and one of derivatives, both in the layout's order.
template <typename T>
class DenseWeights final : public Weights<T> {
 public:
  explicit DenseWeights(const DecoderLayout& layout)
      : parameters_(layout.parameters),
        values_(static_cast<size_t>(layout.n_weights)),
        derivatives_(values_.size()) {}

  std::span<T> values() noexcept override { return values_; }
  std::span<T> derivatives() noexcept override { return derivatives_; }
  // Norms' vectors do not decay.
  std::vector<typename AdamW<T>::Part> parts() const override;

  void multiply(Threads& threads, const Parameter& matrix, const T* x, int64_t n, bool adds, T* out) override;
  void multiply_backward(Threads& threads, const Parameter& matrix, const T* x, const T* d_out, int64_t n,
                         bool adds, T* d_x) override;
  void embed(Threads& threads, const Parameter& matrix, std::span<const int32_t> tokens, T* out) override;
  void embed_backward(const Parameter& matrix, const T* d_out, std::span<const int32_t> tokens) override;
  const T* vector(const Parameter& parameter) override { return values_.data() + parameter.begin; }
  T* vector_derivatives(const Parameter& parameter) override { return derivatives_.data() + parameter.begin; }

 private:
  const std::vector<Parameter> parameters_;
  std::vector<T> values_;
  std::vector<T> derivatives_;
};

extern template class DenseWeights<float>;
extern template class DenseWeights<double>;

}  // namespace hearth::train
