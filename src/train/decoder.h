// A decoder-only transformer that is trained: its loss, and the derivatives of that by its weights.
#pragma once

#include <cstdint>
#include <memory>
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
  // What an optional norm leaves: its input, and 1 / the root mean square of each row.
  struct Normed {
    T *input, *scales;
  };
  // What the forward pass of a layer leaves for the backward one, a row a token. What the model has no use
  // for is null.
  struct Layer {
    T *x, *attn_normed, *attn_scales, *q, *k, *v, *log_sums, *heads;
    Normed q_normed, k_normed, attn_branch;
    T *middle, *ffn_normed, *ffn_scales, *gate, *up, *hidden;
    Normed ffn_branch;
  };
  struct Scratch {
    T *x, *normed, *q, *k, *v, *q_raw, *k_raw, *heads, *gate, *up, *hidden;
    T *branch, *outgoing;  // where what is added is normalised or scaled
    T* joined;             // of what fused matrices give
  };
  // Of all activations.
  struct Memory {
    std::vector<Layer> layers;
    T *out, *out_scales, *out_normed, *logits;  // behind the layers
    T* capped_logits;                           // where there is a soft cap
    Scratch d;                                  // derivatives of the loss by activations
  };

  // Each part is what allocate(n) gives for n numbers.
  template <typename Allocate>
  static Memory assign_memory(const DecoderConfig& config, const BatchShape& shape, Activations activations,
                              const Allocate& allocate);
  double forward(std::span<const int32_t> tokens, std::span<const int32_t> targets, double scale,
                 const SoftTargets* soft);
  // `out`: null where only what it leaves in `layer` is wanted.
  void forward_layer(size_t i, T* out);
  void attend(size_t i);
  void project_qkv(size_t i);
  void project_gate(size_t i);
  void backward(std::span<const int32_t> tokens);
  void backward_layer(size_t i);
  void attend_backward(size_t i);
  void project_qkv_backward(size_t i, T* d_q, T* d_k);
  void project_gate_backward(size_t i);

  // out = x w^T with a matrix of the layout, and its derivatives.
  void apply(size_t matrix, const T* x, bool adds, T* out);
  void apply_backward(size_t matrix, const T* x, const T* d_out, bool adds, T* d_x);
  void project(const DecoderLayout::Projection& at, const T* x, T* out);
  void project_backward(const DecoderLayout::Projection& at, const T* x, const T* d_out, bool adds, T* d_x);
  // Queries or keys, from normed.input to `heads` where the layout has a norm for them.
  void normalise_heads(DecoderLayout::Optional vector, const Normed& normed, int64_t n_heads, T* heads);
  // The derivative by what was projected: d_heads itself, or d_raw.
  T* normalise_heads_backward(DecoderLayout::Optional vector, const Normed& normed, int64_t n_heads,
                              T* d_heads, T* d_raw);
  // What attention and feed-forward read.
  void read_stream(DecoderLayout::Optional vector, const T* x, T* normed, T* scales);
  // Adds to d_x, which is the derivative by x.
  void read_stream_backward(DecoderLayout::Optional vector, const T* x, const T* scales, T* d_x);
  // out = from + what attention or feed-forward add: x w^T, normalised and scaled where the model does that.
  // `out` null: only what is left in `branch`.
  void add_branch(size_t matrix, DecoderLayout::Optional vector, const T* x, const Normed& branch,
                  const T* from, T* out);
  // The derivative by x, given d.x by `out`, which stays.
  void add_branch_backward(size_t matrix, DecoderLayout::Optional vector, const T* x, const Normed& branch,
                           T* d_x);
  void norm(size_t vector, const T* x, int64_t n, int64_t width, T* out, T* scales);
  void norm_backward(size_t vector, const T* x, const T* scales, const T* d_out, int64_t n, int64_t width,
                     T* d_x);

  const DecoderConfig config_;
  const BatchShape shape_;
  const Activations activations_;
  const int64_t n_;  // rows
  Weights<T>& weights_;
  Threads& threads_;
  const DecoderLayout layout_;
  std::vector<std::unique_ptr<const RopeTable<T>>> rope_tables_;  // that differ
  std::vector<const RopeTable<T>*> ropes_;                        // of each layer
  std::vector<AttentionShape> attention_;                         // of each layer
  std::vector<std::vector<T>> buffers_;
  const Memory memory_;
};

extern template class Decoder<float>;
extern template class Decoder<double>;

}  // namespace hearth::train
