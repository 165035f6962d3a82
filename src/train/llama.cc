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
Llama<T>::Llama(const LlamaConfig& config, const BatchShape& shape, Threads& threads)
    : config_(config),
      shape_(shape),
      n_(shape.rows()),
      kv_width_(config.width / config.n_heads * config.n_kv_heads),
      attention_{shape.n_sequences, shape.n_tokens, config.n_heads, config.n_kv_heads,
                 config.width / config.n_heads},
      threads_(threads),
      layout_(config),
      rope_(shape.n_tokens, attention_.head_dim, config.rope_base),
      weights_(static_cast<size_t>(layout_.n_weights)),
      derivatives_(weights_.size()) {
  HEARTH_CHECK(shape.n_sequences >= 1 && shape.n_tokens >= 1 && shape.n_tokens <= config.context_tokens);
  assign_memory();
}

template <typename T>
T* Llama<T>::allocate(int64_t n) {
  return memory_.emplace_back(static_cast<size_t>(n)).data();
}

template <typename T>
void Llama<T>::assign_memory() {
  const int64_t of_width = n_ * config_.width;
  const int64_t of_kv = n_ * kv_width_;
  const int64_t of_ffn = n_ * config_.ffn_width;
  for (int64_t i = 0; i < config_.n_layers; ++i) {
    Layer layer{};
    for (T** const part :
         {&layer.x, &layer.attn_normed, &layer.q, &layer.heads, &layer.middle, &layer.ffn_normed})
      *part = allocate(of_width);
    for (T** const part : {&layer.k, &layer.v}) *part = allocate(of_kv);
    for (T** const part : {&layer.gate, &layer.up, &layer.hidden}) *part = allocate(of_ffn);
    for (T** const part : {&layer.attn_scales, &layer.ffn_scales}) *part = allocate(n_);
    layer.log_sums = allocate(n_ * config_.n_heads);
    layers_.push_back(layer);
  }
  for (T** const part : {&out_, &out_normed_, &d_.x, &d_.normed, &d_.q, &d_.heads})
    *part = allocate(of_width);
  for (T** const part : {&d_.k, &d_.v}) *part = allocate(of_kv);
  for (T** const part : {&d_.gate, &d_.up, &d_.hidden}) *part = allocate(of_ffn);
  out_scales_ = allocate(n_);
  logits_ = allocate(n_ * config_.vocabulary);
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
  T* const first = layers_.front().x;
  embed(threads_, weights_.data() + layout_.embedding, tokens, config_.width, first);
  for (size_t i = 0; i < layers_.size(); ++i)
    forward_layer(layout_.layers[i], layers_[i], i + 1 < layers_.size() ? layers_[i + 1].x : out_);
  norm(layout_.output_norm, out_, out_normed_, out_scales_);
  apply(layout_.output, out_normed_, config_.width, config_.vocabulary, /*adds=*/false, logits_);
  return cross_entropy(threads_, logits_, targets, config_.vocabulary, scale);
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
  std::copy_n(layer.middle, n_ * width, out);
  apply(at.down, layer.hidden, ffn_width, width, /*adds=*/true, out);
}

template <typename T>
void Llama<T>::backward(std::span<const int32_t> tokens) {
  apply_backward(layout_.output, out_normed_, logits_, config_.width, config_.vocabulary, /*adds=*/false,
                 d_.normed);
  std::fill_n(d_.x, n_ * config_.width, T{0});
  norm_backward(layout_.output_norm, out_, out_scales_, d_.normed, d_.x);
  for (size_t i = layers_.size(); i-- > 0;) backward_layer(layout_.layers[i], layers_[i]);
  embed_backward(d_.x, tokens, config_.width, derivatives_.data() + layout_.embedding);
}

// d_.x is the derivative by the layer's output, then by its input: what goes around a block adds up.
template <typename T>
void Llama<T>::backward_layer(const LlamaLayout::Layer& at, const Layer& layer) {
  const int64_t width = config_.width;
  const int64_t ffn_width = config_.ffn_width;
  apply_backward(at.down, layer.hidden, d_.x, ffn_width, width, /*adds=*/false, d_.hidden);
  swiglu_backward(threads_, layer.gate, layer.up, d_.hidden, n_ * ffn_width, d_.gate, d_.up);
  apply_backward(at.gate, layer.ffn_normed, d_.gate, width, ffn_width, /*adds=*/false, d_.normed);
  apply_backward(at.up, layer.ffn_normed, d_.up, width, ffn_width, /*adds=*/true, d_.normed);
  norm_backward(at.ffn_norm, layer.middle, layer.ffn_scales, d_.normed, d_.x);

  apply_backward(at.attn_output, layer.heads, d_.x, width, width, /*adds=*/false, d_.heads);
  attention_backward(threads_, attention_, layer.q, layer.k, layer.v, layer.heads, layer.log_sums, d_.heads,
                     d_.q, d_.k, d_.v);
  rope(threads_, rope_, n_, shape_.n_tokens, config_.n_heads, -1, d_.q);
  rope(threads_, rope_, n_, shape_.n_tokens, config_.n_kv_heads, -1, d_.k);
  apply_backward(at.q, layer.attn_normed, d_.q, width, width, /*adds=*/false, d_.normed);
  apply_backward(at.k, layer.attn_normed, d_.k, width, kv_width_, /*adds=*/true, d_.normed);
  apply_backward(at.v, layer.attn_normed, d_.v, width, kv_width_, /*adds=*/true, d_.normed);
  norm_backward(at.attn_norm, layer.x, layer.attn_scales, d_.normed, d_.x);
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
