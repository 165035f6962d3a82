// Four floats at once, in the vector types that GCC and clang share: every 64-bit processor has such
// registers, so this needs no dispatch, and it gives the same bits on all of them.
#pragma once

#include <cstring>

namespace hearth::quant {

using Lanes = float __attribute__((vector_size(16)));
using IntLanes = int __attribute__((vector_size(16)));
inline constexpr int kLanes = 4;

inline Lanes load_lanes(const float* from) noexcept {
  Lanes v;
  std::memcpy(&v, from, sizeof(v));
  return v;
}
inline void store_lanes(Lanes v, float* to) noexcept {
  std::memcpy(to, &v, sizeof(v));
}
inline Lanes all_lanes(float x) noexcept {
  return Lanes{x, x, x, x};
}
inline Lanes clamp_lanes(Lanes v, float low, float high) noexcept {
  const Lanes l = all_lanes(low);
  const Lanes h = all_lanes(high);
  v = v < l ? l : v;
  return v > h ? h : v;
}
// To the nearest whole number, ties to the even one; |v| < 2^22. Beyond 2^23, a float has no room for
// fractions.
inline Lanes round_lanes(Lanes v) noexcept {
  const Lanes shift = all_lanes(12582912.0F);  // 1.5 * 2^23
  return (v + shift) - shift;
}
inline float sum_lanes(Lanes v) noexcept {
  return (v[0] + v[2]) + (v[1] + v[3]);
}

}  // namespace hearth::quant
