#include "train/decoder_layout.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

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
double count_weights(const DecoderConfig& config) {
  const auto width = static_cast<double>(config.width);
  const double kv = width / static_cast<double>(config.n_heads) * static_cast<double>(config.n_kv_heads);
  const double layer = 2 * width * (width + kv) + 3 * width * static_cast<double>(config.ffn_width);
  return static_cast<double>(config.n_layers) * layer + 2 * width * static_cast<double>(config.vocabulary);
}

}  // namespace

Result<void> check_config(const DecoderConfig& config) {
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
  if (!config.rope_frequencies.empty() &&
      std::ssize(config.rope_frequencies) != config.width / config.n_heads / 2) {
    return make_error(ErrorCode::kInvalidArgument, "frequencies of rotary embedding: expected {}, found {}",
                      config.width / config.n_heads / 2, config.rope_frequencies.size());
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

std::vector<double> rope_frequencies(const DecoderConfig& config) {
  if (!config.rope_frequencies.empty()) return config.rope_frequencies;
  const int64_t head_dim = config.width / config.n_heads;
  std::vector<double> frequencies;
  for (int64_t pair = 0; pair < head_dim / 2; ++pair) {
    const double turns = static_cast<double>(2 * pair) / static_cast<double>(head_dim);
    frequencies.push_back(std::pow(config.rope_base, -turns));
  }
  return frequencies;
}

DecoderLayout::DecoderLayout(const DecoderConfig& config) {
  const auto add = [&](std::string name, int64_t rows, int64_t columns, bool is_matrix = true) {
    parameters.push_back({std::move(name), rows, columns, is_matrix, n_weights, parameters.size()});
    n_weights += rows * columns;
    return parameters.size() - 1;
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

}  // namespace hearth::train
