#include "train/llama.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace hearth::train {
namespace {

constexpr int64_t kMostOfASize = int64_t{1} << 24;
constexpr int64_t kMostLayers = 1024;
constexpr double kMostWeights = 1099511627776.0;

Result<void> check_size(const char* name, int64_t size, int64_t most) {
  if (size >= 1 && size <= most) return {};
  return make_error(ErrorCode::kInvalidArgument, "{}: expected 1 to {}, found {}", name, most, size);
}

Result<void> check_divides(const char* name, int64_t size, const char* of_name, int64_t of) {
  if (of % size == 0) return {};
  return make_error(ErrorCode::kInvalidArgument, "{}: expected a divisor of {} ({}), found {}", name, of_name,
                    of, size);
}

// In double precision: sizes that are allowed make products that no integer holds.
double count_weights(const LlamaConfig& config) {
  const auto width = static_cast<double>(config.width);
  const double kv = width / static_cast<double>(config.n_heads) * static_cast<double>(config.n_kv_heads);
  const double layer = 2 * width * (width + kv) + 3 * width * static_cast<double>(config.ffn_width);
  return static_cast<double>(config.n_layers) * layer + 2 * width * static_cast<double>(config.vocabulary);
}

}  // namespace

Result<void> check_config(const LlamaConfig& config) {
  HEARTH_TRY(check_size("vocabulary", config.vocabulary, kMostOfASize));
  HEARTH_TRY(check_size("width", config.width, kMostOfASize));
  HEARTH_TRY(check_size("layers", config.n_layers, kMostLayers));
  HEARTH_TRY(check_size("heads", config.n_heads, config.width));
  HEARTH_TRY(check_size("KV heads", config.n_kv_heads, config.n_heads));
  HEARTH_TRY(check_size("feed-forward width", config.ffn_width, kMostOfASize));
  HEARTH_TRY(check_size("context", config.context_tokens, kMostOfASize));
  HEARTH_TRY(check_divides("heads", config.n_heads, "the width", config.width));
  HEARTH_TRY(check_divides("KV heads", config.n_kv_heads, "the heads", config.n_heads));
  if (config.width / config.n_heads % 2 != 0) {
    return make_error(ErrorCode::kInvalidArgument, "width of a head: expected an even number, found {}",
                      config.width / config.n_heads);
  }
  if (!(config.rope_base > 0.0 && config.rope_base <= 1e12)) {
    return make_error(ErrorCode::kInvalidArgument, "base of rotary embedding: expected up to 1e12, found {}",
                      config.rope_base);
  }
  if (!(config.norm_epsilon > 0.0 && config.norm_epsilon < 1.0)) {
    return make_error(ErrorCode::kInvalidArgument,
                      "epsilon of norms: expected more than 0 and less than 1, found {}",
                      config.norm_epsilon);
  }
  if (const double n = count_weights(config); n > kMostWeights) {
    return make_error(ErrorCode::kInvalidArgument, "weights: expected up to {:.3g}, found {:.3g}",
                      kMostWeights, n);
  }
  return {};
}

LlamaLayout::LlamaLayout(const LlamaConfig& config) {
  const auto add = [&](std::string name, int64_t rows, int64_t columns, bool is_matrix = true) {
    parameters.push_back({std::move(name), rows, columns, is_matrix, n_weights});
    n_weights += rows * columns;
    return parameters.back().begin;
  };
  const auto add_norm = [&](std::string name) {
    return add(std::move(name), 1, config.width, /*is_matrix=*/false);
  };
  const int64_t width = config.width;
  const int64_t kv_width = width / config.n_heads * config.n_kv_heads;
  embedding = add("token_embd.weight", config.vocabulary, width);
  for (int64_t i = 0; i < config.n_layers; ++i) {
    const auto name = [&](const char* tensor) { return fmt::format("blk.{}.{}.weight", i, tensor); };
    Layer layer{};
    layer.attn_norm = add_norm(name("attn_norm"));
    layer.q = add(name("attn_q"), width, width);
    layer.k = add(name("attn_k"), kv_width, width);
    layer.v = add(name("attn_v"), kv_width, width);
    layer.attn_output = add(name("attn_output"), width, width);
    layer.ffn_norm = add_norm(name("ffn_norm"));
    layer.gate = add(name("ffn_gate"), config.ffn_width, width);
    layer.up = add(name("ffn_up"), config.ffn_width, width);
    layer.down = add(name("ffn_down"), width, config.ffn_width);
    layers.push_back(layer);
  }
  output_norm = add_norm("output_norm.weight");
  output = config.tied ? embedding : add("output.weight", config.vocabulary, width);
}

template <typename T>
Llama<T>::Llama(const LlamaConfig& config, const BatchShape& shape, Threads& threads, Activations activations)
    : config_(config),
      shape_(shape),
      activations_(activations),
      n_(shape.rows()),
      kv_width_(config.width / config.n_heads * config.n_kv_heads),
      attention_{shape.n_sequences, shape.n_tokens, config.n_heads, config.n_kv_heads,
                 config.width / config.n_heads},
      threads_(threads),
      layout_(config),
      rope_(shape.n_tokens, attention_.head_dim, config.rope_base),
      weights_(static_cast<size_t>(layout_.n_weights)),
      derivatives_(weights_.size()),
      memory_(assign_memory(config, shape, activations, [&](int64_t n) {
        return buffers_.emplace_back(static_cast<size_t>(n)).data();
      })) {
  HEARTH_CHECK(shape.n_sequences >= 1 && shape.n_tokens >= 1 && shape.n_tokens <= config.context_tokens);
}

template <typename T>
template <typename Allocate>
typename Llama<T>::Memory Llama<T>::assign_memory(const LlamaConfig& config, const BatchShape& shape,
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
uint64_t Llama<T>::memory_bytes(const LlamaConfig& config, const BatchShape& shape, Activations activations) {
  auto n = static_cast<uint64_t>(2 * LlamaLayout(config).n_weights);
  assign_memory(config, shape, activations, [&](int64_t n_of_part) -> T* {
    n += static_cast<uint64_t>(n_of_part);
    return nullptr;
  });
  return n * sizeof(T);
}

template <typename T>
double Llama<T>::loss(std::span<const int32_t> tokens, std::span<const int32_t> targets) {
  return forward(tokens, targets, /*scale=*/0.0);
}

template <typename T>
double Llama<T>::loss_and_derivatives(std::span<const int32_t> tokens, std::span<const int32_t> targets,
                                      double scale) {
  const double loss = forward(tokens, targets, scale);
  backward(tokens);
  return loss;
}

// Leaves the derivatives of the loss by the logits in these.
template <typename T>
double Llama<T>::forward(std::span<const int32_t> tokens, std::span<const int32_t> targets, double scale) {
  HEARTH_CHECK(std::ssize(tokens) == n_ && std::ssize(targets) == n_);
  for (size_t i = 0; i < tokens.size(); ++i) {
    HEARTH_CHECK(tokens[i] >= 0 && tokens[i] < config_.vocabulary);
    HEARTH_CHECK(targets[i] >= kNoTarget && targets[i] < config_.vocabulary);
  }
  T* const first = memory_.layers.front().x;
  embed(threads_, weights_.data() + layout_.embedding, tokens, config_.width, first);
  for (size_t i = 0; i < memory_.layers.size(); ++i)
    forward_layer(layout_.layers[i], memory_.layers[i],
                  i + 1 < memory_.layers.size() ? memory_.layers[i + 1].x : memory_.out);
  norm(layout_.output_norm, memory_.out, memory_.out_normed, memory_.out_scales);
  apply(layout_.output, memory_.out_normed, config_.width, config_.vocabulary, /*adds=*/false,
        memory_.logits);
  return cross_entropy(threads_, memory_.logits, targets, config_.vocabulary, scale);
}

template <typename T>
void Llama<T>::forward_layer(const LlamaLayout::Layer& at, const Layer& layer, T* out) {
  const int64_t width = config_.width;
  const int64_t ffn_width = config_.ffn_width;
  norm(at.attn_norm, layer.x, layer.attn_normed, layer.attn_scales);
  apply(at.q, layer.attn_normed, width, width, /*adds=*/false, layer.q);
  apply(at.k, layer.attn_normed, width, kv_width_, /*adds=*/false, layer.k);
  apply(at.v, layer.attn_normed, width, kv_width_, /*adds=*/false, layer.v);
  rope(threads_, rope_, n_, shape_.n_tokens, config_.n_heads, 1, layer.q);
  rope(threads_, rope_, n_, shape_.n_tokens, config_.n_kv_heads, 1, layer.k);
  attention(threads_, attention_, layer.q, layer.k, layer.v, layer.heads, layer.log_sums);
  std::copy_n(layer.x, n_ * width, layer.middle);
  apply(at.attn_output, layer.heads, width, width, /*adds=*/true, layer.middle);

  norm(at.ffn_norm, layer.middle, layer.ffn_normed, layer.ffn_scales);
  apply(at.gate, layer.ffn_normed, width, ffn_width, /*adds=*/false, layer.gate);
  apply(at.up, layer.ffn_normed, width, ffn_width, /*adds=*/false, layer.up);
  swiglu(threads_, layer.gate, layer.up, n_ * ffn_width, layer.hidden);
  if (out == nullptr) return;
  std::copy_n(layer.middle, n_ * width, out);
  apply(at.down, layer.hidden, ffn_width, width, /*adds=*/true, out);
}

template <typename T>
void Llama<T>::backward(std::span<const int32_t> tokens) {
  apply_backward(layout_.output, memory_.out_normed, memory_.logits, config_.width, config_.vocabulary,
                 /*adds=*/false, memory_.d.normed);
  std::fill_n(memory_.d.x, n_ * config_.width, T{0});
  norm_backward(layout_.output_norm, memory_.out, memory_.out_scales, memory_.d.normed, memory_.d.x);
  for (size_t i = memory_.layers.size(); i-- > 0;) {
    // The last layer's are still there.
    if (activations_ == Activations::kRecompute && i + 1 < memory_.layers.size())
      forward_layer(layout_.layers[i], memory_.layers[i], /*out=*/nullptr);
    backward_layer(layout_.layers[i], memory_.layers[i]);
  }
  embed_backward(memory_.d.x, tokens, config_.width, derivatives_.data() + layout_.embedding);
}

// memory_.d.x is the derivative by the layer's output, then by its input: what goes around a block adds up.
template <typename T>
void Llama<T>::backward_layer(const LlamaLayout::Layer& at, const Layer& layer) {
  const int64_t width = config_.width;
  const int64_t ffn_width = config_.ffn_width;
  apply_backward(at.down, layer.hidden, memory_.d.x, ffn_width, width, /*adds=*/false, memory_.d.hidden);
  swiglu_backward(threads_, layer.gate, layer.up, memory_.d.hidden, n_ * ffn_width, memory_.d.gate,
                  memory_.d.up);
  apply_backward(at.gate, layer.ffn_normed, memory_.d.gate, width, ffn_width, /*adds=*/false,
                 memory_.d.normed);
  apply_backward(at.up, layer.ffn_normed, memory_.d.up, width, ffn_width, /*adds=*/true, memory_.d.normed);
  norm_backward(at.ffn_norm, layer.middle, layer.ffn_scales, memory_.d.normed, memory_.d.x);

  apply_backward(at.attn_output, layer.heads, memory_.d.x, width, width, /*adds=*/false, memory_.d.heads);
  attention_backward(threads_, attention_, layer.q, layer.k, layer.v, layer.heads, layer.log_sums,
                     memory_.d.heads, memory_.d.q, memory_.d.k, memory_.d.v);
  rope(threads_, rope_, n_, shape_.n_tokens, config_.n_heads, -1, memory_.d.q);
  rope(threads_, rope_, n_, shape_.n_tokens, config_.n_kv_heads, -1, memory_.d.k);
  apply_backward(at.q, layer.attn_normed, memory_.d.q, width, width, /*adds=*/false, memory_.d.normed);
  apply_backward(at.k, layer.attn_normed, memory_.d.k, width, kv_width_, /*adds=*/true, memory_.d.normed);
  apply_backward(at.v, layer.attn_normed, memory_.d.v, width, kv_width_, /*adds=*/true, memory_.d.normed);
  norm_backward(at.attn_norm, layer.x, layer.attn_scales, memory_.d.normed, memory_.d.x);
}

template <typename T>
void Llama<T>::apply(int64_t begin, const T* x, int64_t k, int64_t m, bool adds, T* out) {
  linear(threads_, x, weights_.data() + begin, n_, k, m, adds, out);
}

template <typename T>
void Llama<T>::apply_backward(int64_t begin, const T* x, const T* d_out, int64_t k, int64_t m, bool adds,
                              T* d_x) {
  linear_backward(threads_, x, weights_.data() + begin, d_out, n_, k, m, adds, d_x,
                  derivatives_.data() + begin);
}

template <typename T>
void Llama<T>::norm(int64_t begin, const T* x, T* out, T* scales) {
  rms_norm(threads_, x, weights_.data() + begin, config_.norm_epsilon, n_, config_.width, out, scales);
}

template <typename T>
void Llama<T>::norm_backward(int64_t begin, const T* x, const T* scales, const T* d_out, T* d_x) {
  rms_norm_backward(threads_, x, weights_.data() + begin, scales, d_out, n_, config_.width, d_x,
                    derivatives_.data() + begin);
}

template class Llama<float>;
template class Llama<double>;

}  // namespace hearth::train
