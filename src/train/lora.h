// Low-rank adaptation: of a frozen model's matrices W, small ones A and B are learnt, and W + scale B A takes
// its place. Source: arXiv:2106.09685; on quantised weights arXiv:2305.14314.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "train/decoder_layout.h"
#include "train/frozen_weights.h"
#include "train/weights.h"

namespace hearth::train {

struct LoraOptions {
  int64_t rank = 16;
  double alpha = 32.0;
  bool rank_stabilised = false;  // arXiv:2312.03732
  // Of each layer: "attn_q", "attn_k", "attn_v" (or "attn_qkv", where these are one matrix), "attn_output",
  // "ffn_gate", "ffn_up", "ffn_down".
  std::vector<std::string> targets;

  // alpha / rank, or alpha / sqrt(rank).
  double scale() const noexcept;
};

// The matrices of an adapter in a flat buffer, row-major.
struct LoraLayout {
  struct Pair {
    size_t place;     // of the matrix that they adapt, in DecoderLayout::parameters
    int64_t a_begin;  // A [rank, columns]
    int64_t b_begin;  // B [rows, rank]
    int64_t end;
  };
  // In the order of the model's. kInvalidArgument, naming it, for a target that is none or is there twice,
  // for no target, and for a rank that is not from 1 to the least size of those matrices.
  static Result<LoraLayout> create(const DecoderLayout& model, const LoraOptions& options);

  std::vector<Pair> pairs;
  int64_t n_weights = 0;
};

// Of a model's layers, all matrices.
std::vector<std::string> all_targets(const DecoderLayout& model);

// A normal, its deviation 1 / sqrt(columns), and B zeros: the model begins as it is. The same for a seed
// everywhere.
void initialise_lora(const DecoderLayout& model, const LoraLayout& layout, uint64_t seed,
                     std::span<float> weights);

// The frozen weights with an adapter on them, which is learnt. One thread at a time may use it.
template <typename T>
class LoraWeights final : public Weights<T> {
 public:
  // Zeros. Both must outlive it.
  LoraWeights(const DecoderLayout& model, const LoraLayout& layout, const LoraOptions& options,
              FrozenWeights<T>& base);

  std::span<T> values() noexcept override { return values_; }
  std::span<T> derivatives() noexcept override { return derivatives_; }
  std::vector<typename AdamW<T>::Part> parts() const override { return {{layout_.n_weights, true}}; }

  void multiply(Threads& threads, const Parameter& matrix, const T* x, int64_t n, bool adds, T* out) override;
  void multiply_backward(Threads& threads, const Parameter& matrix, const T* x, const T* d_out, int64_t n,
                         bool adds, T* d_x) override;
  void embed(Threads& threads, const Parameter& matrix, std::span<const int32_t> tokens, T* out) override;
  void embed_backward(const Parameter& /*matrix*/, const T* /*d_out*/,
                      std::span<const int32_t> /*tokens*/) override {}
  const T* vector(const Parameter& parameter) override { return base_.vector(parameter); }
  T* vector_derivatives(const Parameter& /*parameter*/) override { return nullptr; }

 private:
  const LoraLayout::Pair* pair_of(const Parameter& matrix) const;
  // scale x A^T [n, rank] in scratch_.
  void project(Threads& threads, const Parameter& matrix, const LoraLayout::Pair& pair, const T* x,
               int64_t n);

  const LoraLayout layout_;
  const int64_t rank_;
  const T scale_;
  FrozenWeights<T>& base_;
  std::vector<int64_t> pairs_by_place_;  // -1: none
  std::vector<T> values_;
  std::vector<T> derivatives_;
  std::vector<T> scratch_;
  std::vector<T> d_scratch_;
};

extern template class LoraWeights<float>;
extern template class LoraWeights<double>;

}  // namespace hearth::train
