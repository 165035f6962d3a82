// Searches for the scale (and offset) of a group of weights that lose least when rounded to small integers:
// those of the least weighted sum of squared errors (error_weights()).
//
// A search tries how many levels the range of the group could take, a little more or less than there are, and
// reckons for each the least-squares scale of the integers that come out. Groups are scaled by their owner so
// that squares neither overflow nor vanish.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>

#include "quant/half.h"
#include "quant/lanes.h"

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

// The largest magnitude among n values.
inline float largest_magnitude(const float* x, int n) noexcept {
  float largest = 0.0F;
  for (int i = 0; i < n; ++i) largest = std::max(largest, std::fabs(x[i]));
  return largest;
}

// What everything is multiplied with so that the largest magnitude becomes 1; 0 for a group in which that is
// so small that half-precision scales hold nothing of it.
inline float inverse_norm(float largest) noexcept {
  return largest < 1e-30F ? 0.0F : 1.0F / largest;
}

// By how much the square of each element's error counts: the mean square of all n, and `share` of its own
// square. Of inputs of which nothing is known, all errors count alike (share 0). But large weights are large
// where their inputs matter, which is why others weigh errors by the weights themselves. With a share of
// both, neither measure comes out worse than for a search that has only one in view (docs/quantising.md).
inline void error_weights(const float* x, int n, float share, float* w) noexcept {
  double sum = 0.0;
  for (int i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * x[i];
  const auto mean = static_cast<float>(sum / n);
  for (int i = 0; i < n; ++i) w[i] = mean + share * x[i] * x[i];
}

// Groups are N elements, a multiple of kLanes, of magnitudes up to 1, and their errors' weights.

template <int N>
inline Lanes levels_of(const float* x, int i, float inverse, float low, float high) noexcept {
  return round_lanes(clamp_lanes(load_lanes(x + i) * all_lanes(inverse), low, high));
}

// The scale s that minimises sum w (x - s q)^2 over integers q in low .. high; 0 for a group of zeros. s may
// be negative: where low = -high - 1, that gives the largest weight the extra level.
template <int N>
inline float search_scale(const float* x, const float* w, int low, int high) noexcept {
  float extreme = 0.0F;
  for (int i = 0; i < N; ++i) {
    if (std::fabs(x[i]) > std::fabs(extreme)) extreme = x[i];
  }
  if (std::fabs(extreme) < 1e-20F) return 0.0F;
  const auto bottom = static_cast<float>(low);
  const auto top = static_cast<float>(high);
  float best_scale = extreme / bottom;
  float best_gain = 0.0F;
  const auto try_inverse = [&](float inverse) {
    Lanes xq{};
    Lanes qq{};
    for (int i = 0; i < N; i += kLanes) {
      const Lanes q = levels_of<N>(x, i, inverse, bottom, top);
      const Lanes wq = load_lanes(w + i) * q;
      xq += load_lanes(x + i) * wq;
      qq += q * wq;
    }
    const float sum_xq = sum_lanes(xq);
    const float sum_qq = sum_lanes(qq);
    // With the least-squares scale xq / qq, the error is sum w x^2 - xq^2 / qq.
    if (sum_qq > 0.0F && sum_xq * sum_xq > best_gain * sum_qq) {
      best_gain = sum_xq * sum_xq / sum_qq;
      best_scale = sum_xq / sum_qq;
    }
  };
  constexpr int kSteps = 9;
  for (int step = -kSteps; step <= kSteps; ++step) {
    try_inverse((bottom + 0.1F * static_cast<float>(step)) / extreme);
  }
  // Rounded with the scale that was found, some weights go to another level, and the scale improves again.
  try_inverse(1.0F / best_scale);
  try_inverse(1.0F / best_scale);
  return best_scale;
}

// x ~ scale * q - min with q in 0 .. high, scale and min >= 0.
struct AffineFit {
  float scale = 0.0F;
  float min = 0.0F;
};

template <int N>
inline AffineFit search_affine(const float* x, const float* w, int high) noexcept {
  const auto [lowest, highest] = std::minmax_element(x, x + N);
  const float low = std::min(*lowest, 0.0F);
  const float range = *highest - low;
  if (!(range > 1e-20F)) return {0.0F, -low};
  const auto top = static_cast<float>(high);
  double sum_w = 0.0;
  double sum_x = 0.0;
  for (int i = 0; i < N; ++i) {
    sum_w += w[i];
    sum_x += static_cast<double>(w[i]) * x[i];
  }

  AffineFit best{range / top, -low};
  double best_error = 0.0;
  bool found = false;
  const auto try_levels = [&](float offset, float inverse) {
    Lanes lanes_q{};
    Lanes lanes_qq{};
    Lanes lanes_xq{};
    for (int i = 0; i < N; i += kLanes) {
      const Lanes v = load_lanes(x + i);
      const Lanes q = round_lanes(clamp_lanes((v + all_lanes(offset)) * all_lanes(inverse), 0.0F, top));
      const Lanes wq = load_lanes(w + i) * q;
      lanes_q += wq;
      lanes_qq += q * wq;
      lanes_xq += v * wq;
    }
    const double sum_q = sum_lanes(lanes_q);
    const double sum_qq = sum_lanes(lanes_qq);
    const double sum_xq = sum_lanes(lanes_xq);
    const double determinant = sum_w * sum_qq - sum_q * sum_q;
    if (determinant <= 0.0) return;
    double scale = (sum_w * sum_xq - sum_x * sum_q) / determinant;
    double min = (scale * sum_q - sum_x) / sum_w;
    if (min < 0.0) {  // the format has no offset upwards
      min = 0.0;
      scale = sum_xq / sum_qq;
    }
    if (scale <= 0.0) return;
    // Without sum w x^2, which is the same for all.
    const double error = scale * scale * sum_qq + sum_w * min * min - 2.0 * scale * sum_xq +
                         2.0 * min * sum_x - 2.0 * scale * min * sum_q;
    if (found && error >= best_error) return;
    found = true;
    best_error = error;
    best = {static_cast<float>(scale), static_cast<float>(min)};
  };
  constexpr int kSteps = 9;
  for (int step = -kSteps; step <= kSteps; ++step) {
    try_levels(-low, (top + 0.1F * static_cast<float>(step)) / range);
  }
  try_levels(best.min, 1.0F / best.scale);
  try_levels(best.min, 1.0F / best.scale);
  return best;
}

}  // namespace hearth::quant
