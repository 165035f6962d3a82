// A model of the llama family that is trained: its loss, and the derivatives of that by its weights.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "train/decoder_layout.h"
#include "train/distillation.h"
#include "train/ops.h"
#include "train/weights.h"

namespace hearth::train {

// Sequences that are computed at once, all of one length.
struct BatchShape {
  int64_t n_sequences = 1;
  int64_t n_tokens = 1;  // of each, at most the context

  int64_t rows() const noexcept { return n_sequences * n_tokens; }
};

// Whether the forward pass keeps what the backward one needs, or of each layer its input alone, from which
// the backward pass computes the rest again: a third more work for memory that hardly grows with the layers.
// The bits are the same (arXiv:1604.06174).
enum class Activations { kKeep, kRecompute };

// One thread at a time may use it. All its memory is allocated when it is made.
template <typename T>
class Decoder {
 public:
  // `config` is one that check_config() accepts, and `weights` are of its layout. They and `threads` must
  // outlive it.
  Decoder(const DecoderConfig& config, const BatchShape& shape, Weights<T>& weights, Threads& threads,
          Activations activations = Activations::kKeep);

  // What the activations of such a model would take.
  static uint64_t memory_bytes(const DecoderConfig& config, const BatchShape& shape, Activations activations);

  // The sum over rows of -ln p(target), in nats. tokens and targets [n_sequences * n_tokens], one sequence
  // after the other; tokens are of the vocabulary, targets too or kNoTarget.
  double loss(std::span<const int32_t> tokens, std::span<const int32_t> targets);
  // The same, and adds `scale` times its derivatives to those of the weights: with 1 / (targets of all
  // batches that make up a step), these become the derivatives of their mean. With `soft` the loss is
  // distillation_loss().
  double loss_and_derivatives(std::span<const int32_t> tokens, std::span<const int32_t> targets, double scale,
                              const SoftTargets* soft = nullptr);

 private:
  // What the forward pass of a layer leaves for the backward one, a row a token.
  struct Layer {
    T *x, *attn_scales, *attn_normed, *q, *k, *v, *log_sums, *heads;
    T *middle, *ffn_scales, *ffn_normed, *gate, *up, *hidden;
  };
  struct Scratch {
    T *x, *normed, *q, *k, *v, *heads, *gate, *up, *hidden;
  };
  // Of all activations.
  struct Memory {
    std::vector<Layer> layers;
    T *out, *out_scales, *out_normed, *logits;  // behind the layers
    Scratch d;                                  // derivatives of the loss by activations
  };

  // Each part is what allocate(n) gives for n numbers.
  template <typename Allocate>
  static Memory assign_memory(const DecoderConfig& config, const BatchShape& shape, Activations activations,
                              const Allocate& allocate);
  double forward(std::span<const int32_t> tokens, std::span<const int32_t> targets, double scale,
                 const SoftTargets* soft);
  // `out`: null where only what it leaves in `layer` is wanted.
  void forward_layer(const DecoderLayout::Layer& at, const Layer& layer, T* out);
  void backward(std::span<const int32_t> tokens);
  void backward_layer(const DecoderLayout::Layer& at, const Layer& layer);
  // out = x w^T with a matrix of the layout, and its derivatives.
  void apply(size_t matrix, const T* x, bool adds, T* out);
  void apply_backward(size_t matrix, const T* x, const T* d_out, bool adds, T* d_x);
  void norm(size_t vector, const T* x, T* out, T* scales);
  void norm_backward(size_t vector, const T* x, const T* scales, const T* d_out, T* d_x);

  const DecoderConfig config_;
  const BatchShape shape_;
  const Activations activations_;
  const int64_t n_;         // rows
  const int64_t kv_width_;  // of keys, and of values
  const AttentionShape attention_;
  Weights<T>& weights_;
  Threads& threads_;
  const DecoderLayout layout_;
  const RopeTable<T> rope_;
  std::vector<std::vector<T>> buffers_;
  const Memory memory_;
};

extern template class Decoder<float>;
extern template class Decoder<double>;

}  // namespace hearth::train
