// Functions of rows of numbers, written so that a compiler makes vectors of them: without calls or branches,
// and with sums in several chains, always in the same order.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace hearth::train {

// e^x to about 2e-7, relatively: x = n ln 2 + r with |r| <= ln 2 / 2, e^r by its series to degree 7 (the
// remainder is below 1e-8). The smallest and the largest power of a normal number beyond these; no number
// stays none.
inline float exponential(float x) {
  constexpr float kLowest = -87.33654F;
  constexpr float kHighest = 88.37626F;
  // Adding it leaves no bits for a fraction, and the whole part in the lowest ones.
  constexpr float kNoFraction = 12582912.0F;
  const float clamped = std::min(std::max(x, kLowest), kHighest);
  const float shifted = clamped * 1.44269504F + kNoFraction;
  const float n = shifted - kNoFraction;
  const float r =
      clamped - n * 0.693359375F + n * 2.12194440e-4F;  // ln 2 in two parts, the first of few bits
  float p = 1.0F / 5040.0F;
  p = p * r + 1.0F / 720.0F;
  p = p * r + 1.0F / 120.0F;
  p = p * r + 1.0F / 24.0F;
  p = p * r + 1.0F / 6.0F;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  const uint32_t exponent = std::bit_cast<uint32_t>(shifted) - std::bit_cast<uint32_t>(kNoFraction) + 127U;
  return p * std::bit_cast<float>(exponent << 23);
}

inline double exponential(double x) {
  return std::exp(x);
}

// The sum of of(i) for i < n.
template <typename Sum, typename Of>
Sum sum_of(int64_t n, const Of& of) {
  constexpr int64_t kChains = 8;
  Sum sums[kChains] = {};
  int64_t i = 0;
  for (; i + kChains <= n; i += kChains) {
    for (int64_t c = 0; c < kChains; ++c) sums[c] += of(i + c);
  }
  for (; i < n; ++i) sums[0] += of(i);
  Sum sum = 0;
  for (const Sum chain : sums) sum += chain;
  return sum;
}

template <typename T>
T dot(const T* a, const T* b, int64_t n) {
  return sum_of<T>(n, [&](int64_t i) { return a[i] * b[i]; });
}

// n >= 1.
template <typename T>
T largest(const T* x, int64_t n) {
  constexpr int64_t kChains = 8;
  T tops[kChains];
  std::fill_n(tops, kChains, x[0]);
  int64_t i = 0;
  for (; i + kChains <= n; i += kChains) {
    for (int64_t c = 0; c < kChains; ++c) tops[c] = std::max(tops[c], x[i + c]);
  }
  for (; i < n; ++i) tops[0] = std::max(tops[0], x[i]);
  return *std::max_element(tops, tops + kChains);
}

}  // namespace hearth::train
