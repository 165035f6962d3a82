#include "train/decoder_layout.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

namespace hearth::train {
namespace {

constexpr int64_t kMostOfASize = int64_t{1} << 24;
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
  const auto heads = static_cast<double>(config.n_heads + config.n_kv_heads);
  const double attention = 2 * width * heads * static_cast<double>(config.size_of_head());
  const double layer = attention + 3 * width * static_cast<double>(config.ffn_width);
  return static_cast<double>(config.n_layers) * layer + 2 * width * static_cast<double>(config.vocabulary);
}

Result<void> check_positions(const DecoderConfig& config) {
  if (!(config.rope_base > 0.0 && config.rope_base <= 1e12)) {
    return make_error(ErrorCode::kInvalidArgument, "base of rotary embedding: expected up to 1e12, found {}",
                      config.rope_base);
  }
  if (!config.positions.empty() && std::ssize(config.positions) != config.n_layers) {
    return make_error(ErrorCode::kInvalidArgument, "positions: expected those of {} layers, found {}",
                      config.n_layers, config.positions.size());
  }
  for (const LayerPositions& positions : config.positions) {
    if (2 * std::ssize(positions.frequencies) <= config.size_of_head()) continue;
    return make_error(ErrorCode::kInvalidArgument,
                      "frequencies of rotary embedding: expected at most {}, found {}",
                      config.size_of_head() / 2, positions.frequencies.size());
  }
  return {};
}

}  // namespace

Result<void> check_config(const DecoderConfig& config) {
  HEARTH_TRY(check_size("vocabulary", config.vocabulary, kMostOfASize));
  HEARTH_TRY(check_size("width", config.width, kMostOfASize));
  HEARTH_TRY(check_size("layers", config.n_layers, kMostLayers));
  HEARTH_TRY(check_size("heads", config.n_heads, config.head_dim == 0 ? config.width : kMostOfASize));
  HEARTH_TRY(check_size("KV heads", config.n_kv_heads, config.n_heads));
  HEARTH_TRY(check_size("feed-forward width", config.ffn_width, kMostOfASize));
  HEARTH_TRY(check_size("context", config.context_tokens, kMostOfASize));
  if (config.head_dim == 0) {
    HEARTH_TRY(check_divides("heads", config.n_heads, "the width", config.width));
  } else {
    HEARTH_TRY(check_size("width of a head", config.head_dim, kMostOfASize));
  }
  HEARTH_TRY(check_divides("KV heads", config.n_kv_heads, "the heads", config.n_heads));
  if (config.size_of_head() % 2 != 0) {
    return make_error(ErrorCode::kInvalidArgument, "width of a head: expected an even number, found {}",
                      config.size_of_head());
  }
  HEARTH_TRY(check_positions(config));
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

LayerPositions positions_of(const DecoderConfig& config, int64_t layer) {
  if (!config.positions.empty()) return config.positions[static_cast<size_t>(layer)];
  const int64_t head_dim = config.size_of_head();
  LayerPositions positions;
  for (int64_t pair = 0; pair < head_dim / 2; ++pair) {
    const double turns = static_cast<double>(2 * pair) / static_cast<double>(head_dim);
    positions.frequencies.push_back(std::pow(config.rope_base, -turns));
  }
  return positions;
}

DecoderLayout::DecoderLayout(const DecoderConfig& config) {
  const auto add = [&](std::string name, int64_t rows, int64_t columns, bool is_matrix = true) {
    parameters.push_back({std::move(name), rows, columns, is_matrix, n_weights, parameters.size()});
    n_weights += rows * columns;
    return parameters.size() - 1;
  };
  const auto add_vector_if = [&](bool is_there, std::string name, int64_t size) {
    return is_there ? Optional(add(std::move(name), 1, size, /*is_matrix=*/false)) : std::nullopt;
  };
  const int64_t width = config.width;
  const int64_t q_width = config.q_width();
  const int64_t kv_width = config.kv_width();
  const bool normalises_qk = config.qk_norm != models::QkNorm::kNone;
  const bool of_all_heads = config.qk_norm == models::QkNorm::kAllHeads;
  embedding = add("token_embd.weight", config.vocabulary, width);
  for (int64_t i = 0; i < config.n_layers; ++i) {
    const auto name = [&](const char* tensor, const char* part = "weight") {
      return fmt::format("blk.{}.{}.{}", i, tensor, part);
    };
    const auto add_norm_if = [&](bool is_there, const char* tensor, int64_t size) {
      return add_vector_if(is_there, name(tensor), size);
    };
    const auto add_projection = [&](const char* tensor, int64_t rows) {
      return Projection{add(name(tensor), rows, width),
                        add_vector_if(config.qkv_bias, name(tensor, "bias"), rows)};
    };
    Layer layer{};
    layer.attn_norm = add_norm_if(config.normalises_before(), "attn_norm", width);
    if (config.fused_qkv) {
      layer.qkv = add_projection("attn_qkv", q_width + 2 * kv_width);
    } else {
      layer.q = add_projection("attn_q", q_width);
      layer.k = add_projection("attn_k", kv_width);
      layer.v = add_projection("attn_v", kv_width);
    }
    layer.q_norm = add_norm_if(normalises_qk, "attn_q_norm", of_all_heads ? q_width : config.size_of_head());
    layer.k_norm = add_norm_if(normalises_qk, "attn_k_norm", of_all_heads ? kv_width : config.size_of_head());
    layer.attn_output = add(name("attn_output"), width, q_width);
    layer.post_attn_norm = add_norm_if(config.normalises_after(), "post_attention_norm", width);
    layer.ffn_norm = add_norm_if(config.normalises_before(), "ffn_norm", width);
    if (config.fused_gate) {
      layer.gate_up = add(name("ffn_up"), 2 * config.ffn_width, width);
    } else {
      layer.gate = add(name("ffn_gate"), config.ffn_width, width);
      layer.up = add(name("ffn_up"), config.ffn_width, width);
    }
    layer.down = add(name("ffn_down"), width, config.ffn_width);
    layer.post_ffn_norm = add_norm_if(config.normalises_after(), "post_ffw_norm", width);
    layers.push_back(layer);
  }
  output_norm = add("output_norm.weight", 1, width, /*is_matrix=*/false);
  output = config.tied ? embedding : add("output.weight", config.vocabulary, width);
}

}  // namespace hearth::train
