#include "models/blocks/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace hearth::models {
namespace {

// YaRN (arXiv:2309.00071) section 3.2: the pair that makes `turns` rotations over the original context.
double pair_with_turns(const RopeConfig& config, double turns) {
  const double n = static_cast<double>(config.n_rotated);
  const double context = static_cast<double>(config.original_context_tokens);
  return n * std::log(context / (turns * 2 * std::numbers::pi)) / (2 * std::log(config.frequency_base));
}

// The share of pair i that keeps its original frequency: 1 for fast pairs, 0 for slow ones, a ramp between.
double extrapolated_share(const RopeConfig& config, int64_t i) {
  const double low = std::max(0.0, std::floor(pair_with_turns(config, config.beta_fast)));
  const double last = static_cast<double>(config.n_rotated - 1);
  const double high = std::min(last, std::ceil(pair_with_turns(config, config.beta_slow)));
  const double ramp = (static_cast<double>(i) - low) / std::max(0.001, high - low);
  return (1 - std::clamp(ramp, 0.0, 1.0)) * config.extrapolation;
}

Result<double> positive(const gguf::KeyValues& file, const std::string& key, double fallback) {
  HEARTH_ASSIGN(const double value, file.f64_or(key, fallback));
  if (!std::isfinite(value) || value <= 0) {
    return make_error(ErrorCode::kMalformed, "{}: metadata {}: expected a positive number, found {}",
                      file.name(), key, value);
  }
  return value;
}

Result<RopeScaling> read_scaling(const gguf::KeyValues& file, const std::string& key) {
  HEARTH_ASSIGN(const std::string_view name, file.string_or(key, "none"));
  if (name == "none") return RopeScaling::kNone;
  if (name == "linear") return RopeScaling::kLinear;
  if (name == "yarn") return RopeScaling::kYarn;
  return make_error(ErrorCode::kUnsupported,
                    "{}: metadata {}: Hearth knows none, linear and yarn, found '{}'", file.name(), key,
                    name);
}

}  // namespace

Result<RopeConfig> read_rope_config(const gguf::KeyValues& file, std::string_view architecture,
                                    int64_t head_dim, int64_t context_tokens) {
  const auto key = [&](std::string_view name) { return fmt::format("{}.rope.{}", architecture, name); };
  RopeConfig config;
  HEARTH_ASSIGN(const uint64_t n_rotated,
                file.u64_or(key("dimension_count"), static_cast<uint64_t>(head_dim)));
  if (n_rotated == 0 || n_rotated % 2 != 0 || n_rotated > static_cast<uint64_t>(head_dim)) {
    return make_error(ErrorCode::kMalformed,
                      "{}: metadata {}: expected an even number from 2 to {}, found {}", file.name(),
                      key("dimension_count"), head_dim, n_rotated);
  }
  config.n_rotated = static_cast<int64_t>(n_rotated);
  HEARTH_ASSIGN(config.frequency_base, positive(file, key("freq_base"), 10000.0));
  HEARTH_ASSIGN(config.scaling, read_scaling(file, key("scaling.type")));
  // Files from before scaling.type existed have scale_linear instead.
  HEARTH_ASSIGN(const double scale_linear, positive(file, key("scale_linear"), 1.0));
  HEARTH_ASSIGN(config.factor, positive(file, key("scaling.factor"), scale_linear));
  if (config.scaling == RopeScaling::kNone && file.find(key("scaling.type")) == nullptr &&
      scale_linear != 1.0) {
    config.scaling = RopeScaling::kLinear;
  }
  HEARTH_ASSIGN(config.attention_factor, positive(file, key("scaling.attn_factor"), 1.0));
  HEARTH_ASSIGN(config.extrapolation, file.f64_or(key("scaling.yarn_ext_factor"), 1.0));
  if (!std::isfinite(config.extrapolation)) {
    return make_error(ErrorCode::kMalformed, "{}: metadata {}: expected a finite number, found {}",
                      file.name(), key("scaling.yarn_ext_factor"), config.extrapolation);
  }
  HEARTH_ASSIGN(config.beta_fast, positive(file, key("scaling.yarn_beta_fast"), 32.0));
  HEARTH_ASSIGN(config.beta_slow, positive(file, key("scaling.yarn_beta_slow"), 1.0));
  HEARTH_ASSIGN(const uint64_t original,
                file.u64_or(key("scaling.original_context_length"), static_cast<uint64_t>(context_tokens)));
  if (original == 0 || original > static_cast<uint64_t>(INT32_MAX)) {
    return make_error(ErrorCode::kMalformed, "{}: metadata {}: expected 1 to {}, found {}", file.name(),
                      key("scaling.original_context_length"), INT32_MAX, original);
  }
  config.original_context_tokens = static_cast<int64_t>(original);
  return config;
}

Result<tensor::RopeStyle> read_rope_style(const gguf::KeyValues& file, std::string_view architecture,
                                          tensor::RopeStyle family) {
  const std::string key = fmt::format("{}.rope.pairs", architecture);
  if (file.find(key) == nullptr) return family;
  HEARTH_ASSIGN(const std::string_view pairs, file.string(key));
  if (pairs == "interleaved") return tensor::RopeStyle::kInterleaved;
  if (pairs == "halves") return tensor::RopeStyle::kHalves;
  return make_error(ErrorCode::kUnsupported, "{}: metadata {}: expected interleaved or halves, found '{}'",
                    file.name(), key, pairs);
}

Rope::Rope(const RopeConfig& config, tensor::RopeStyle style, std::span<const float> frequency_factors)
    : style_(style) {
  const int64_t n_pairs = config.n_rotated / 2;
  HEARTH_CHECK(frequency_factors.empty() || static_cast<int64_t>(frequency_factors.size()) == n_pairs);
  const double interpolation = config.scaling == RopeScaling::kNone ? 1.0 : 1.0 / config.factor;
  for (int64_t i = 0; i < n_pairs; ++i) {
    const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(config.n_rotated);
    double frequency = std::pow(config.frequency_base, exponent);
    if (!frequency_factors.empty())
      frequency /= static_cast<double>(frequency_factors[static_cast<size_t>(i)]);
    const double kept = config.scaling == RopeScaling::kYarn ? extrapolated_share(config, i) : 0.0;
    inverse_frequencies_.push_back(static_cast<float>(frequency * (kept + (1 - kept) * interpolation)));
  }
  // YaRN, section 3.4: attention over a longer context wants sharper logits.
  const bool stretches =
      config.scaling == RopeScaling::kYarn && config.extrapolation != 0 && config.stretches_magnitude;
  const double stretch = stretches ? 1.0 + 0.1 * std::log(config.factor) : 1.0;
  magnitude_ = static_cast<float>(config.attention_factor * stretch);
}

Result<std::vector<float>> read_frequency_factors(TensorReader& tensors, const std::string& name,
                                                  const RopeConfig& config) {
  HEARTH_ASSIGN(std::vector<float> factors, tensors.host_vector(name, config.n_rotated / 2));
  for (const float factor : factors) {
    if (!(factor > 0)) {
      return make_error(ErrorCode::kMalformed, "tensor {}: expected positive factors, found {}", name,
                        factor);
    }
  }
  return factors;
}

Result<std::shared_ptr<const Rope>> read_rope(TensorReader& tensors, const RopeConfig& config,
                                              tensor::RopeStyle style) {
  const std::string name = "rope_freqs.weight";
  std::vector<float> factors;
  if (tensors.has(name)) {
    HEARTH_ASSIGN(factors, read_frequency_factors(tensors, name, config));
  }
  return std::make_shared<const Rope>(config, style, factors);
}

}  // namespace hearth::models
