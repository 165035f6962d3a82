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
      weights_(weights),
      threads_(threads),
      layout_(config),
      memory_(assign_memory(config, shape, activations, [&](int64_t n) {
        return buffers_.emplace_back(static_cast<size_t>(n)).data();
      })) {
  HEARTH_CHECK(shape.n_sequences >= 1 && shape.n_tokens >= 1 && shape.n_tokens <= config.context_tokens);
  std::vector<LayerPositions> different;
  for (int64_t i = 0; i < config.n_layers; ++i) {
    LayerPositions positions = positions_of(config, i);
    attention_.push_back({.n_sequences = shape.n_sequences,
                          .n_positions = shape.n_tokens,
                          .n_heads = config.n_heads,
                          .n_kv_heads = config.n_kv_heads,
                          .head_dim = config.size_of_head(),
                          .scale = config.attention_scale,
                          .soft_cap = config.attention_soft_cap,
                          .window = positions.window});
    positions.window = 0;  // which no table knows
    auto found = std::find(different.begin(), different.end(), positions);
    if (found == different.end()) {
      rope_tables_.push_back(
          std::make_unique<const RopeTable<T>>(shape.n_tokens, positions, config.rope_style));
      found = different.insert(different.end(), std::move(positions));
    }
    ropes_.push_back(rope_tables_[static_cast<size_t>(found - different.begin())].get());
  }
}

template <typename T>
template <typename Allocate>
typename Decoder<T>::Memory Decoder<T>::assign_memory(const DecoderConfig& config, const BatchShape& shape,
                                                      Activations activations, const Allocate& allocate) {
  const int64_t n = shape.rows();
  const int64_t of_width = n * config.width;
  const int64_t of_q = n * config.q_width();
  const int64_t of_kv = n * config.kv_width();
  const int64_t of_ffn = n * config.ffn_width;
  const auto allocate_each = [&](std::initializer_list<T**> parts, int64_t size) {
    for (T** const part : parts) *part = allocate(size);
  };
  const auto allocate_normed = [&](Normed& normed, int64_t size, int64_t n_scales) {
    normed = {allocate(size), allocate(n_scales)};
  };
  const bool normalises_qk = config.qk_norm != models::QkNorm::kNone;
  const bool by_head = config.qk_norm == models::QkNorm::kPerHead;
  Memory memory{};
  for (int64_t i = 0; i < config.n_layers; ++i) {
    Layer layer{};
    if (activations == Activations::kRecompute && i > 0) {
      layer = memory.layers.front();
      layer.x = allocate(of_width);
      if (!config.normalises_before()) layer.attn_normed = layer.x;
      memory.layers.push_back(layer);
      continue;
    }
    allocate_each({&layer.x, &layer.middle}, of_width);
    allocate_each({&layer.q, &layer.heads}, of_q);
    allocate_each({&layer.k, &layer.v}, of_kv);
    allocate_each({&layer.gate, &layer.up, &layer.hidden}, of_ffn);
    layer.log_sums = allocate(n * config.n_heads);
    if (config.normalises_before()) {
      allocate_each({&layer.attn_normed, &layer.ffn_normed}, of_width);
      allocate_each({&layer.attn_scales, &layer.ffn_scales}, n);
    } else {
      layer.attn_normed = layer.x;
      layer.ffn_normed = layer.middle;
    }
    if (config.normalises_after()) {
      allocate_normed(layer.attn_branch, of_width, n);
      allocate_normed(layer.ffn_branch, of_width, n);
    }
    if (normalises_qk) {
      allocate_normed(layer.q_normed, of_q, by_head ? n * config.n_heads : n);
      allocate_normed(layer.k_normed, of_kv, by_head ? n * config.n_kv_heads : n);
    }
    memory.layers.push_back(layer);
  }
  Scratch& d = memory.d;
  allocate_each({&memory.out, &memory.out_normed, &d.x, &d.normed}, of_width);
  allocate_each({&d.q, &d.heads}, of_q);
  allocate_each({&d.k, &d.v}, of_kv);
  allocate_each({&d.gate, &d.up, &d.hidden}, of_ffn);
  if (normalises_qk) {
    d.q_raw = allocate(of_q);
    d.k_raw = allocate(of_kv);
  }
  if (config.normalises_after() || config.residual_scale != 1.0)
    allocate_each({&d.branch, &d.outgoing}, of_width);
  const int64_t fused_qkv = config.fused_qkv ? of_q + 2 * of_kv : 0;
  const int64_t fused_gate = config.fused_gate ? 2 * of_ffn : 0;
  if (const int64_t fused = std::max(fused_qkv, fused_gate); fused > 0) d.joined = allocate(fused);
  memory.out_scales = allocate(n);
  memory.logits = allocate(n * config.vocabulary);
  if (config.logit_soft_cap > 0) memory.capped_logits = allocate(n * config.vocabulary);
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
  if (config_.embedding_scale != 1.0)
    train::scale(threads_, first, config_.embedding_scale, n_ * config_.width, first);
  for (size_t i = 0; i < memory_.layers.size(); ++i)
    forward_layer(i, i + 1 < memory_.layers.size() ? memory_.layers[i + 1].x : memory_.out);
  norm(layout_.output_norm, memory_.out, n_, config_.width, memory_.out_normed, memory_.out_scales);
  apply(layout_.output, memory_.out_normed, /*adds=*/false, memory_.logits);
  const int64_t n_logits = n_ * config_.vocabulary;
  if (config_.logit_scale != 1.0)
    train::scale(threads_, memory_.logits, config_.logit_scale, n_logits, memory_.logits);
  if (config_.logit_soft_cap > 0) {
    soft_cap(threads_, memory_.logits, config_.logit_soft_cap, n_logits, memory_.logits);
    std::copy_n(memory_.logits, n_logits, memory_.capped_logits);
  }
  if (soft != nullptr)
    return distillation_loss(threads_, memory_.logits, targets, *soft, config_.vocabulary, scale);
  return cross_entropy(threads_, memory_.logits, targets, config_.vocabulary, scale);
}

template <typename T>
void Decoder<T>::forward_layer(size_t i, T* out) {
  const DecoderLayout::Layer& at = layout_.layers[i];
  const Layer& layer = memory_.layers[i];
  attend(i);
  add_branch(at.attn_output, at.post_attn_norm, layer.heads, layer.attn_branch, layer.x, layer.middle);

  read_stream(at.ffn_norm, layer.middle, layer.ffn_normed, layer.ffn_scales);
  project_gate(i);
  gated(threads_, config_.activation, layer.gate, layer.up, n_ * config_.ffn_width, layer.hidden);
  add_branch(at.down, at.post_ffn_norm, layer.hidden, layer.ffn_branch, layer.middle, out);
}

template <typename T>
void Decoder<T>::attend(size_t i) {
  const DecoderLayout::Layer& at = layout_.layers[i];
  const Layer& layer = memory_.layers[i];
  const int64_t head_dim = config_.size_of_head();
  read_stream(at.attn_norm, layer.x, layer.attn_normed, layer.attn_scales);
  project_qkv(i);
  normalise_heads(at.q_norm, layer.q_normed, config_.n_heads, layer.q);
  normalise_heads(at.k_norm, layer.k_normed, config_.n_kv_heads, layer.k);
  rope(threads_, *ropes_[i], n_, shape_.n_tokens, config_.n_heads, head_dim, 1, layer.q);
  rope(threads_, *ropes_[i], n_, shape_.n_tokens, config_.n_kv_heads, head_dim, 1, layer.k);
  attention(threads_, attention_[i], layer.q, layer.k, layer.v, layer.heads, layer.log_sums);
}

template <typename T>
void Decoder<T>::project_qkv(size_t i) {
  const DecoderLayout::Layer& at = layout_.layers[i];
  const Layer& layer = memory_.layers[i];
  T* const q = at.q_norm ? layer.q_normed.input : layer.q;
  T* const k = at.k_norm ? layer.k_normed.input : layer.k;
  if (at.qkv) {
    project(*at.qkv, layer.attn_normed, memory_.d.joined);
    split_columns<T>(threads_, memory_.d.joined, n_,
                     {{q, config_.q_width()}, {k, config_.kv_width()}, {layer.v, config_.kv_width()}});
    return;
  }
  project(at.q, layer.attn_normed, q);
  project(at.k, layer.attn_normed, k);
  project(at.v, layer.attn_normed, layer.v);
}

template <typename T>
void Decoder<T>::project_gate(size_t i) {
  const DecoderLayout::Layer& at = layout_.layers[i];
  const Layer& layer = memory_.layers[i];
  if (at.gate_up) {
    apply(*at.gate_up, layer.ffn_normed, /*adds=*/false, memory_.d.joined);
    split_columns<T>(threads_, memory_.d.joined, n_,
                     {{layer.gate, config_.ffn_width}, {layer.up, config_.ffn_width}});
    return;
  }
  apply(at.gate, layer.ffn_normed, /*adds=*/false, layer.gate);
  apply(at.up, layer.ffn_normed, /*adds=*/false, layer.up);
}

template <typename T>
void Decoder<T>::backward(std::span<const int32_t> tokens) {
  const int64_t n_logits = n_ * config_.vocabulary;
  if (config_.logit_soft_cap > 0)
    soft_cap_backward(threads_, memory_.capped_logits, config_.logit_soft_cap, n_logits, memory_.logits);
  if (config_.logit_scale != 1.0)
    train::scale(threads_, memory_.logits, config_.logit_scale, n_logits, memory_.logits);
  apply_backward(layout_.output, memory_.out_normed, memory_.logits, /*adds=*/false, memory_.d.normed);
  std::fill_n(memory_.d.x, n_ * config_.width, T{0});
  norm_backward(layout_.output_norm, memory_.out, memory_.out_scales, memory_.d.normed, n_, config_.width,
                memory_.d.x);
  for (size_t i = memory_.layers.size(); i-- > 0;) {
    // The last layer's are still there.
    if (activations_ == Activations::kRecompute && i + 1 < memory_.layers.size())
      forward_layer(i, /*out=*/nullptr);
    backward_layer(i);
  }
  if (config_.embedding_scale != 1.0)
    train::scale(threads_, memory_.d.x, config_.embedding_scale, n_ * config_.width, memory_.d.x);
  weights_.embed_backward(layout_.parameters[layout_.embedding], memory_.d.x, tokens);
}

// memory_.d.x is the derivative by the layer's output, then by its input: what goes around a block adds up.
template <typename T>
void Decoder<T>::backward_layer(size_t i) {
  const DecoderLayout::Layer& at = layout_.layers[i];
  const Layer& layer = memory_.layers[i];
  const Scratch& d = memory_.d;
  add_branch_backward(at.down, at.post_ffn_norm, layer.hidden, layer.ffn_branch, d.hidden);
  gated_backward(threads_, config_.activation, layer.gate, layer.up, d.hidden, n_ * config_.ffn_width, d.gate,
                 d.up);
  project_gate_backward(i);
  read_stream_backward(at.ffn_norm, layer.middle, layer.ffn_scales, d.x);

  add_branch_backward(at.attn_output, at.post_attn_norm, layer.heads, layer.attn_branch, d.heads);
  attend_backward(i);
  read_stream_backward(at.attn_norm, layer.x, layer.attn_scales, d.x);
}

// From d.heads to d.normed.
template <typename T>
void Decoder<T>::attend_backward(size_t i) {
  const DecoderLayout::Layer& at = layout_.layers[i];
  const Layer& layer = memory_.layers[i];
  const Scratch& d = memory_.d;
  const int64_t head_dim = config_.size_of_head();
  attention_backward(threads_, attention_[i], layer.q, layer.k, layer.v, layer.heads, layer.log_sums, d.heads,
                     d.q, d.k, d.v);
  rope(threads_, *ropes_[i], n_, shape_.n_tokens, config_.n_heads, head_dim, -1, d.q);
  rope(threads_, *ropes_[i], n_, shape_.n_tokens, config_.n_kv_heads, head_dim, -1, d.k);
  T* const d_q = normalise_heads_backward(at.q_norm, layer.q_normed, config_.n_heads, d.q, d.q_raw);
  T* const d_k = normalise_heads_backward(at.k_norm, layer.k_normed, config_.n_kv_heads, d.k, d.k_raw);
  project_qkv_backward(i, d_q, d_k);
}

template <typename T>
void Decoder<T>::project_qkv_backward(size_t i, T* d_q, T* d_k) {
  const DecoderLayout::Layer& at = layout_.layers[i];
  const T* const x = memory_.layers[i].attn_normed;
  const Scratch& d = memory_.d;
  if (at.qkv) {
    join_columns<T>(threads_,
                    {{d_q, config_.q_width()}, {d_k, config_.kv_width()}, {d.v, config_.kv_width()}}, n_,
                    d.joined);
    project_backward(*at.qkv, x, d.joined, /*adds=*/false, d.normed);
    return;
  }
  project_backward(at.q, x, d_q, /*adds=*/false, d.normed);
  project_backward(at.k, x, d_k, /*adds=*/true, d.normed);
  project_backward(at.v, x, d.v, /*adds=*/true, d.normed);
}

template <typename T>
void Decoder<T>::project_gate_backward(size_t i) {
  const DecoderLayout::Layer& at = layout_.layers[i];
  const T* const x = memory_.layers[i].ffn_normed;
  const Scratch& d = memory_.d;
  if (at.gate_up) {
    join_columns<T>(threads_, {{d.gate, config_.ffn_width}, {d.up, config_.ffn_width}}, n_, d.joined);
    apply_backward(*at.gate_up, x, d.joined, /*adds=*/false, d.normed);
    return;
  }
  apply_backward(at.gate, x, d.gate, /*adds=*/false, d.normed);
  apply_backward(at.up, x, d.up, /*adds=*/true, d.normed);
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
void Decoder<T>::project(const DecoderLayout::Projection& at, const T* x, T* out) {
  apply(at.weight, x, /*adds=*/false, out);
  if (!at.bias) return;
  const Parameter& bias = layout_.parameters[*at.bias];
  add_bias(threads_, weights_.vector(bias), n_, bias.columns, out);
}

template <typename T>
void Decoder<T>::project_backward(const DecoderLayout::Projection& at, const T* x, const T* d_out, bool adds,
                                  T* d_x) {
  apply_backward(at.weight, x, d_out, adds, d_x);
  if (!at.bias) return;
  const Parameter& bias = layout_.parameters[*at.bias];
  if (T* const d_bias = weights_.vector_derivatives(bias); d_bias != nullptr)
    add_bias_backward(threads_, d_out, n_, bias.columns, d_bias);
}

// A norm's vector is as long as what it normalises: a head, or all of a row.
template <typename T>
void Decoder<T>::normalise_heads(DecoderLayout::Optional vector, const Normed& normed, int64_t n_heads,
                                 T* heads) {
  if (!vector) return;
  const int64_t width = layout_.parameters[*vector].columns;
  norm(*vector, normed.input, n_ * n_heads * config_.size_of_head() / width, width, heads, normed.scales);
}

template <typename T>
T* Decoder<T>::normalise_heads_backward(DecoderLayout::Optional vector, const Normed& normed, int64_t n_heads,
                                        T* d_heads, T* d_raw) {
  if (!vector) return d_heads;
  const int64_t size = n_ * n_heads * config_.size_of_head();
  const int64_t width = layout_.parameters[*vector].columns;
  std::fill_n(d_raw, size, T{0});
  norm_backward(*vector, normed.input, normed.scales, d_heads, size / width, width, d_raw);
  return d_raw;
}

template <typename T>
void Decoder<T>::read_stream(DecoderLayout::Optional vector, const T* x, T* normed, T* scales) {
  if (vector) norm(*vector, x, n_, config_.width, normed, scales);
}

template <typename T>
void Decoder<T>::read_stream_backward(DecoderLayout::Optional vector, const T* x, const T* scales, T* d_x) {
  if (vector) {
    norm_backward(*vector, x, scales, memory_.d.normed, n_, config_.width, d_x);
  } else {
    add_scaled(threads_, memory_.d.normed, 1.0, n_ * config_.width, d_x);
  }
}

template <typename T>
void Decoder<T>::add_branch(size_t matrix, DecoderLayout::Optional vector, const T* x, const Normed& branch,
                            const T* from, T* out) {
  const int64_t size = n_ * config_.width;
  T* const added = memory_.d.branch;
  if (!vector && out == nullptr) return;
  if (added == nullptr) {
    std::copy_n(from, size, out);
    apply(matrix, x, /*adds=*/true, out);
    return;
  }
  apply(matrix, x, /*adds=*/false, vector ? branch.input : added);
  if (vector) norm(*vector, branch.input, n_, config_.width, added, branch.scales);
  if (out == nullptr) return;
  std::copy_n(from, size, out);
  add_scaled(threads_, added, config_.residual_scale, size, out);
}

template <typename T>
void Decoder<T>::add_branch_backward(size_t matrix, DecoderLayout::Optional vector, const T* x,
                                     const Normed& branch, T* d_x) {
  const Scratch& d = memory_.d;
  const int64_t size = n_ * config_.width;
  const T* d_branch = d.x;
  if (config_.residual_scale != 1.0) {
    train::scale(threads_, d.x, config_.residual_scale, size, d.outgoing);
    d_branch = d.outgoing;
  }
  if (vector) {
    std::fill_n(d.branch, size, T{0});
    norm_backward(*vector, branch.input, branch.scales, d_branch, n_, config_.width, d.branch);
    d_branch = d.branch;
  }
  apply_backward(matrix, x, d_branch, /*adds=*/false, d_x);
}

template <typename T>
void Decoder<T>::norm(size_t vector, const T* x, int64_t n, int64_t width, T* out, T* scales) {
  const T* const weight = weights_.vector(layout_.parameters[vector]);
  rms_norm(threads_, x, weight, config_.norm_epsilon, n, width, out, scales);
}

template <typename T>
void Decoder<T>::norm_backward(size_t vector, const T* x, const T* scales, const T* d_out, int64_t n,
                               int64_t width, T* d_x) {
  const Parameter& parameter = layout_.parameters[vector];
  rms_norm_backward(threads_, x, weights_.vector(parameter), scales, d_out, n, width, d_x,
                    weights_.vector_derivatives(parameter));
}

template class Decoder<float>;
template class Decoder<double>;

}  // namespace hearth::train
