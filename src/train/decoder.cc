#include "train/decoder.h"

#include <algorithm>

#include "base/check.h"

namespace hearth::train {

template <typename T>
Decoder<T>::Decoder(const DecoderConfig& config, const BatchShape& shape, Weights<T>& weights,
                    Threads& threads, Activations activations)
    : config_(config),
      shape_(shape),
      activations_(activations),
      n_(shape.rows()),
      kv_width_(config.width / config.n_heads * config.n_kv_heads),
      attention_{shape.n_sequences, shape.n_tokens, config.n_heads, config.n_kv_heads,
                 config.width / config.n_heads},
      weights_(weights),
      threads_(threads),
      layout_(config),
      rope_(shape.n_tokens, rope_frequencies(config)),
      memory_(assign_memory(config, shape, activations, [&](int64_t n) {
        return buffers_.emplace_back(static_cast<size_t>(n)).data();
      })) {
  HEARTH_CHECK(shape.n_sequences >= 1 && shape.n_tokens >= 1 && shape.n_tokens <= config.context_tokens);
}

template <typename T>
template <typename Allocate>
typename Decoder<T>::Memory Decoder<T>::assign_memory(const DecoderConfig& config, const BatchShape& shape,
                                                      Activations activations, const Allocate& allocate) {
  const int64_t n = shape.rows();
  const int64_t of_width = n * config.width;
  const int64_t of_kv = n * (config.width / config.n_heads * config.n_kv_heads);
  const int64_t of_ffn = n * config.ffn_width;
  const auto allocate_each = [&](std::initializer_list<T**> parts, int64_t size) {
    for (T** const part : parts) *part = allocate(size);
  };
  Memory memory{};
  for (int64_t i = 0; i < config.n_layers; ++i) {
    Layer layer{};
    if (activations == Activations::kRecompute && i > 0) {
      layer = memory.layers.front();
      layer.x = allocate(of_width);
      memory.layers.push_back(layer);
      continue;
    }
    allocate_each({&layer.x, &layer.attn_normed, &layer.q, &layer.heads, &layer.middle, &layer.ffn_normed},
                  of_width);
    allocate_each({&layer.k, &layer.v}, of_kv);
    allocate_each({&layer.gate, &layer.up, &layer.hidden}, of_ffn);
    allocate_each({&layer.attn_scales, &layer.ffn_scales}, n);
    layer.log_sums = allocate(n * config.n_heads);
    memory.layers.push_back(layer);
  }
  Scratch& d = memory.d;
  allocate_each({&memory.out, &memory.out_normed, &d.x, &d.normed, &d.q, &d.heads}, of_width);
  allocate_each({&d.k, &d.v}, of_kv);
  allocate_each({&d.gate, &d.up, &d.hidden}, of_ffn);
  memory.out_scales = allocate(n);
  memory.logits = allocate(n * config.vocabulary);
  return memory;
}

template <typename T>
uint64_t Decoder<T>::memory_bytes(const DecoderConfig& config, const BatchShape& shape,
                                  Activations activations) {
  uint64_t n = 0;
  assign_memory(config, shape, activations, [&](int64_t n_of_part) -> T* {
    n += static_cast<uint64_t>(n_of_part);
    return nullptr;
  });
  return n * sizeof(T);
}

template <typename T>
double Decoder<T>::loss(std::span<const int32_t> tokens, std::span<const int32_t> targets) {
  return forward(tokens, targets, /*scale=*/0.0, /*soft=*/nullptr);
}

template <typename T>
double Decoder<T>::loss_and_derivatives(std::span<const int32_t> tokens, std::span<const int32_t> targets,
                                        double scale, const SoftTargets* soft) {
  const double loss = forward(tokens, targets, scale, soft);
  backward(tokens);
  return loss;
}

// Leaves the derivatives of the loss by the logits in these.
template <typename T>
double Decoder<T>::forward(std::span<const int32_t> tokens, std::span<const int32_t> targets, double scale,
                           const SoftTargets* soft) {
  HEARTH_CHECK(std::ssize(tokens) == n_ && std::ssize(targets) == n_);
  for (size_t i = 0; i < tokens.size(); ++i) {
    HEARTH_CHECK(tokens[i] >= 0 && tokens[i] < config_.vocabulary);
    HEARTH_CHECK(targets[i] >= kNoTarget && targets[i] < config_.vocabulary);
  }
  T* const first = memory_.layers.front().x;
  weights_.embed(threads_, layout_.parameters[layout_.embedding], tokens, first);
  for (size_t i = 0; i < memory_.layers.size(); ++i)
    forward_layer(layout_.layers[i], memory_.layers[i],
                  i + 1 < memory_.layers.size() ? memory_.layers[i + 1].x : memory_.out);
  norm(layout_.output_norm, memory_.out, memory_.out_normed, memory_.out_scales);
  apply(layout_.output, memory_.out_normed, /*adds=*/false, memory_.logits);
  if (soft != nullptr)
    return distillation_loss(threads_, memory_.logits, targets, *soft, config_.vocabulary, scale);
  return cross_entropy(threads_, memory_.logits, targets, config_.vocabulary, scale);
}

template <typename T>
void Decoder<T>::forward_layer(const DecoderLayout::Layer& at, const Layer& layer, T* out) {
  const int64_t width = config_.width;
  const int64_t ffn_width = config_.ffn_width;
  norm(at.attn_norm, layer.x, layer.attn_normed, layer.attn_scales);
  apply(at.q, layer.attn_normed, /*adds=*/false, layer.q);
  apply(at.k, layer.attn_normed, /*adds=*/false, layer.k);
  apply(at.v, layer.attn_normed, /*adds=*/false, layer.v);
  rope(threads_, rope_, n_, shape_.n_tokens, config_.n_heads, 1, layer.q);
  rope(threads_, rope_, n_, shape_.n_tokens, config_.n_kv_heads, 1, layer.k);
  attention(threads_, attention_, layer.q, layer.k, layer.v, layer.heads, layer.log_sums);
  std::copy_n(layer.x, n_ * width, layer.middle);
  apply(at.attn_output, layer.heads, /*adds=*/true, layer.middle);

  norm(at.ffn_norm, layer.middle, layer.ffn_normed, layer.ffn_scales);
  apply(at.gate, layer.ffn_normed, /*adds=*/false, layer.gate);
  apply(at.up, layer.ffn_normed, /*adds=*/false, layer.up);
  swiglu(threads_, layer.gate, layer.up, n_ * ffn_width, layer.hidden);
  if (out == nullptr) return;
  std::copy_n(layer.middle, n_ * width, out);
  apply(at.down, layer.hidden, /*adds=*/true, out);
}

template <typename T>
void Decoder<T>::backward(std::span<const int32_t> tokens) {
  apply_backward(layout_.output, memory_.out_normed, memory_.logits, /*adds=*/false, memory_.d.normed);
  std::fill_n(memory_.d.x, n_ * config_.width, T{0});
  norm_backward(layout_.output_norm, memory_.out, memory_.out_scales, memory_.d.normed, memory_.d.x);
  for (size_t i = memory_.layers.size(); i-- > 0;) {
    // The last layer's are still there.
    if (activations_ == Activations::kRecompute && i + 1 < memory_.layers.size())
      forward_layer(layout_.layers[i], memory_.layers[i], /*out=*/nullptr);
    backward_layer(layout_.layers[i], memory_.layers[i]);
  }
  weights_.embed_backward(layout_.parameters[layout_.embedding], memory_.d.x, tokens);
}

// memory_.d.x is the derivative by the layer's output, then by its input: what goes around a block adds up.
template <typename T>
void Decoder<T>::backward_layer(const DecoderLayout::Layer& at, const Layer& layer) {
  const int64_t ffn_width = config_.ffn_width;
  apply_backward(at.down, layer.hidden, memory_.d.x, /*adds=*/false, memory_.d.hidden);
  swiglu_backward(threads_, layer.gate, layer.up, memory_.d.hidden, n_ * ffn_width, memory_.d.gate,
                  memory_.d.up);
  apply_backward(at.gate, layer.ffn_normed, memory_.d.gate, /*adds=*/false, memory_.d.normed);
  apply_backward(at.up, layer.ffn_normed, memory_.d.up, /*adds=*/true, memory_.d.normed);
  norm_backward(at.ffn_norm, layer.middle, layer.ffn_scales, memory_.d.normed, memory_.d.x);

  apply_backward(at.attn_output, layer.heads, memory_.d.x, /*adds=*/false, memory_.d.heads);
  attention_backward(threads_, attention_, layer.q, layer.k, layer.v, layer.heads, layer.log_sums,
                     memory_.d.heads, memory_.d.q, memory_.d.k, memory_.d.v);
  rope(threads_, rope_, n_, shape_.n_tokens, config_.n_heads, -1, memory_.d.q);
  rope(threads_, rope_, n_, shape_.n_tokens, config_.n_kv_heads, -1, memory_.d.k);
  apply_backward(at.q, layer.attn_normed, memory_.d.q, /*adds=*/false, memory_.d.normed);
  apply_backward(at.k, layer.attn_normed, memory_.d.k, /*adds=*/true, memory_.d.normed);
  apply_backward(at.v, layer.attn_normed, memory_.d.v, /*adds=*/true, memory_.d.normed);
  norm_backward(at.attn_norm, layer.x, layer.attn_scales, memory_.d.normed, memory_.d.x);
}

template <typename T>
void Decoder<T>::apply(size_t matrix, const T* x, bool adds, T* out) {
  weights_.multiply(threads_, layout_.parameters[matrix], x, n_, adds, out);
}

template <typename T>
void Decoder<T>::apply_backward(size_t matrix, const T* x, const T* d_out, bool adds, T* d_x) {
  weights_.multiply_backward(threads_, layout_.parameters[matrix], x, d_out, n_, adds, d_x);
}

template <typename T>
void Decoder<T>::norm(size_t vector, const T* x, T* out, T* scales) {
  const T* const weight = weights_.vector(layout_.parameters[vector]);
  rms_norm(threads_, x, weight, config_.norm_epsilon, n_, config_.width, out, scales);
}

template <typename T>
void Decoder<T>::norm_backward(size_t vector, const T* x, const T* scales, const T* d_out, T* d_x) {
  const Parameter& parameter = layout_.parameters[vector];
  rms_norm_backward(threads_, x, weights_.vector(parameter), scales, d_out, n_, config_.width, d_x,
                    weights_.vector_derivatives(parameter));
}

template class Decoder<float>;
template class Decoder<double>;

}  // namespace hearth::train
