// What tests of training compute with.
#pragma once

#include <utility>

#include "backends/cpu/gemm.h"
#include "train/decoder.h"
#include "train/threads.h"

namespace hearth::train {

struct Compute {
  explicit Compute(int n_threads, tensor::GemmPrecision precision = tensor::GemmPrecision::kF32)
      : pool(n_threads),
        gemm(std::move(cpu::make_gemm(choose_isa().value(), pool, precision)).value()),
        threads(pool, *gemm) {}

  ThreadPool pool;
  std::unique_ptr<tensor::Gemm> gemm;
  Threads threads;
};

// A model whose weights are all learnt.
template <typename T>
class DenseDecoder {
 public:
  DenseDecoder(const DecoderConfig& config, const BatchShape& shape, Threads& threads,
               Activations activations = Activations::kKeep)
      : layout_(config), weights_(layout_), decoder_(config, shape, weights_, threads, activations) {}

  const DecoderLayout& layout() const { return layout_; }
  std::span<T> weights() { return weights_.values(); }
  std::span<T> derivatives() { return weights_.derivatives(); }
  double loss(std::span<const int32_t> tokens, std::span<const int32_t> targets) {
    return decoder_.loss(tokens, targets);
  }
  double loss_and_derivatives(std::span<const int32_t> tokens, std::span<const int32_t> targets,
                              double scale) {
    return decoder_.loss_and_derivatives(tokens, targets, scale);
  }

 private:
  const DecoderLayout layout_;
  DenseWeights<T> weights_;
  Decoder<T> decoder_;
};

}  // namespace hearth::train
