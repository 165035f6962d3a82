// A model of the llama family that is trained: its loss, and the derivatives of that by its weights.
// Source: arXiv:2302.13971. Tensors have GGUF's names, shapes and meaning, so that what is trained is what
// models/llama.cc runs.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "train/ops.h"

namespace hearth::train {

struct LlamaConfig {
  int64_t vocabulary = 0;
  int64_t width = 0;
  int64_t n_layers = 0;
  int64_t n_heads = 0;  // of width / n_heads each
  int64_t n_kv_heads = 0;
  int64_t ffn_width = 0;
  int64_t context_tokens = 0;  // the longest sequence
  double rope_base = 10000.0;
  double norm_epsilon = 1e-5;
  bool tied = true;  // the output matrix is that of the embeddings
};

// kInvalidArgument, naming the field, for sizes that make no model or one of more than 2^40 weights.
Result<void> check_config(const LlamaConfig& config);

// A tensor in the flat buffers of weights and derivatives, row-major.
struct Parameter {
  std::string name;  // "blk.0.attn_q.weight"
  int64_t rows;      // outputs; of a norm's vector 1
  int64_t columns;   // inputs
  bool is_matrix;
  int64_t begin;

  int64_t size() const noexcept { return rows * columns; }
};

// Where each weight stands.
struct LlamaLayout {
  struct Layer {
    int64_t attn_norm, q, k, v, attn_output, ffn_norm, gate, up, down;
  };
  explicit LlamaLayout(const LlamaConfig& config);

  std::vector<Parameter> parameters;  // one after the other
  int64_t embedding;
  std::vector<Layer> layers;
  int64_t output_norm;
  int64_t output;  // the embedding's, where they are tied
  int64_t n_weights = 0;
};

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
class Llama {
 public:
  // `config` is one that check_config() accepts. Weights are zeros. `threads` must outlive it.
  Llama(const LlamaConfig& config, const BatchShape& shape, Threads& threads,
        Activations activations = Activations::kKeep);

  // What such a model would take, its weights and derivatives included.
  static uint64_t memory_bytes(const LlamaConfig& config, const BatchShape& shape, Activations activations);

  const LlamaLayout& layout() const noexcept { return layout_; }
  std::span<T> weights() noexcept { return weights_; }
  std::span<T> derivatives() noexcept { return derivatives_; }

  // The sum over rows of -ln p(target), in nats. tokens and targets [n_sequences * n_tokens], one sequence
  // after the other; tokens are of the vocabulary, targets too or kNoTarget.
  double loss(std::span<const int32_t> tokens, std::span<const int32_t> targets);
  // The same, and adds `scale` times its derivatives to derivatives(): with 1 / (targets of all batches that
  // make up a step), these become the derivatives of their mean.
  double loss_and_derivatives(std::span<const int32_t> tokens, std::span<const int32_t> targets,
                              double scale);

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
  static Memory assign_memory(const LlamaConfig& config, const BatchShape& shape, Activations activations,
                              const Allocate& allocate);
  double forward(std::span<const int32_t> tokens, std::span<const int32_t> targets, double scale);
  // `out`: null where only what it leaves in `layer` is wanted.
  void forward_layer(const LlamaLayout::Layer& at, const Layer& layer, T* out);
  void backward(std::span<const int32_t> tokens);
  void backward_layer(const LlamaLayout::Layer& at, const Layer& layer);
  // out = x w^T with the weights at `begin`, and its derivatives.
  void apply(int64_t begin, const T* x, int64_t k, int64_t m, bool adds, T* out);
  void apply_backward(int64_t begin, const T* x, const T* d_out, int64_t k, int64_t m, bool adds, T* d_x);
  void norm(int64_t begin, const T* x, T* out, T* scales);
  void norm_backward(int64_t begin, const T* x, const T* scales, const T* d_out, T* d_x);

  const LlamaConfig config_;
  const BatchShape shape_;
  const Activations activations_;
  const int64_t n_;         // rows
  const int64_t kv_width_;  // of keys, and of values
  const AttentionShape attention_;
  Threads& threads_;
  const LlamaLayout layout_;
  const RopeTable<T> rope_;
  std::vector<T> weights_;
  std::vector<T> derivatives_;
  std::vector<std::vector<T>> buffers_;
  const Memory memory_;
};

extern template class Llama<float>;
extern template class Llama<double>;

}  // namespace hearth::train
