// Searches for the scale (and offset) of a group of weights that lose least when rounded to small integers.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>

#include "quant/half.h"

namespace hearth::quant {

// Scales that overflow half precision become the largest finite one.
inline uint16_t scale_to_f16(float scale) noexcept {
  return f32_to_f16(std::clamp(scale, -65504.0F, 65504.0F));
}

// 0 for scales so small that their reciprocal is no number.
inline float inverse_or_zero(float scale) noexcept {
  const float inverse = 1.0F / scale;
  return std::isfinite(inverse) ? inverse : 0.0F;
}

// A value rounded to the integer levels low .. high at `inverse_scale`. Clamped first, since an integer
// cannot hold what a value far outside would round to.
inline int round_to_level(float x, float inverse_scale, int low, int high) noexcept {
  const float level = std::clamp(x * inverse_scale, static_cast<float>(low), static_cast<float>(high));
  return static_cast<int>(std::lrint(level));
}

// The scale s that minimises sum x^2 (x - s q)^2 over integers q in low .. high; 0 for a group of zeros.
// Large weights move the output most, hence the weighting. s may be negative: where low = -high - 1, that
// gives the largest weight the extra level.
inline float search_scale(std::span<const float> x, int low, int high) noexcept {
  float extreme = 0.0F;
  for (const float v : x) {
    if (std::fabs(v) > std::fabs(extreme)) extreme = v;
  }
  // Below this the reciprocal overflows, and half-precision scales hold nothing so small.
  if (std::fabs(extreme) < 1e-30F) return 0.0F;
  float best_scale = extreme / static_cast<float>(low);
  double best_gain = 0.0;
  constexpr int kSteps = 9;
  for (int step = -kSteps; step <= kSteps; ++step) {
    const float inverse = (static_cast<float>(low) + 0.1F * static_cast<float>(step)) / extreme;
    double xq = 0.0;
    double qq = 0.0;
    for (const float v : x) {
      const int q = round_to_level(v, inverse, low, high);
      const double weight = static_cast<double>(v) * v;
      xq += weight * v * q;
      qq += weight * q * q;
    }
    // With the least-squares scale xq / qq, the error is sum x^4 - xq^2 / qq.
    if (qq > 0.0 && xq * xq / qq > best_gain) {
      best_gain = xq * xq / qq;
      best_scale = static_cast<float>(xq / qq);
    }
  }
  return best_scale;
}

// x ~ scale * q - min with q in 0 .. high, scale and min >= 0.
struct AffineFit {
  float scale = 0.0F;
  float min = 0.0F;
};

inline AffineFit search_affine(std::span<const float> x, int high) noexcept {
  const auto [lowest, highest] = std::minmax_element(x.begin(), x.end());
  const float low = std::min(*lowest, 0.0F);
  const float range = *highest - low;
  if (!(range > 1e-30F)) return {0.0F, -low};
  AffineFit best{range / static_cast<float>(high), -low};
  double best_error = -1.0;
  constexpr int kSteps = 10;
  for (int step = -kSteps; step <= kSteps; ++step) {
    const float inverse = (static_cast<float>(high) + 0.1F * static_cast<float>(step)) / range;
    double sum_q = 0.0;
    double sum_qq = 0.0;
    double sum_x = 0.0;
    double sum_xq = 0.0;
    for (const float v : x) {
      const int q = round_to_level(v - low, inverse, 0, high);
      sum_q += q;
      sum_qq += static_cast<double>(q) * q;
      sum_x += v;
      sum_xq += static_cast<double>(v) * q;
    }
    const auto n = static_cast<double>(x.size());
    const double determinant = n * sum_qq - sum_q * sum_q;
    if (determinant <= 0.0) continue;
    double scale = (n * sum_xq - sum_x * sum_q) / determinant;
    double min = (scale * sum_q - sum_x) / n;
    if (min < 0.0) {  // the format has no offset upwards
      min = 0.0;
      scale = sum_xq / sum_qq;
    }
    if (scale <= 0.0) continue;
    double error = 0.0;
    for (const float v : x) {
      const int q = round_to_level(v + static_cast<float>(min), static_cast<float>(1.0 / scale), 0, high);
      const double difference = scale * q - min - v;
      error += difference * difference;
    }
    if (best_error < 0.0 || error < best_error) {
      best_error = error;
      best = {static_cast<float>(scale), static_cast<float>(min)};
    }
  }
  return best;
}

}  // namespace hearth::quant
