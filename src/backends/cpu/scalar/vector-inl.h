// The vector type of the portable set: four floats in plain loops, which compilers turn into whatever vector
// instructions every processor of the architecture has.
#pragma once

#include <cstdint>

#include "backends/cpu/kernels.h"
#include "quant/blocks.h"
#include "quant/half.h"

namespace hearth::cpu::HEARTH_ISA {
namespace {

constexpr int kLanes = 4;
constexpr int kTileRows = 2;
constexpr int kTileActivations = 2;
constexpr int kGemmRows = 2;
constexpr int kGemmVectors = 1;

struct F {
  float v[kLanes];
};

template <typename Function>
inline F each(Function&& function) {
  F out;
  for (int i = 0; i < kLanes; ++i) out.v[i] = function(i);
  return out;
}

inline F broadcast(float x) {
  return {{x, x, x, x}};
}
inline F zero() {
  return broadcast(0.0F);
}
inline F load(const float* p) {
  return {{p[0], p[1], p[2], p[3]}};
}
inline F load_partial(const float* p, int64_t count) {
  return each([&](int i) { return i < count ? p[i] : 0.0F; });
}
inline F load_f16(const uint16_t* p) {
  return each([&](int i) { return quant::f16_to_f32(p[i]); });
}
inline F broadcast_f16(const uint16_t& half) {
  return broadcast(quant::f16_to_f32(half));
}
inline F load_f16_partial(const uint16_t* p, int64_t count) {
  return each([&](int i) { return i < count ? quant::f16_to_f32(p[i]) : 0.0F; });
}
inline F load_bf16(const uint16_t* p) {
  return each([&](int i) { return quant::bf16_to_f32(p[i]); });
}
inline F load_bf16_partial(const uint16_t* p, int64_t count) {
  return each([&](int i) { return i < count ? quant::bf16_to_f32(p[i]) : 0.0F; });
}
inline F load_i8(const int8_t* p) {
  return each([&](int i) { return static_cast<float>(p[i]); });
}
inline F load_low_nibbles(const uint8_t* p) {
  return each([&](int i) { return static_cast<float>(p[i] & 15); });
}
inline F load_high_nibbles(const uint8_t* p) {
  return each([&](int i) { return static_cast<float>(p[i] >> 4); });
}
inline void store(float* p, F x) {
  for (int i = 0; i < kLanes; ++i) p[i] = x.v[i];
}
inline void store_partial(float* p, F x, int64_t count) {
  for (int i = 0; i < kLanes && i < count; ++i) p[i] = x.v[i];
}
inline void store_f16(uint16_t* p, F x) {
  for (int i = 0; i < kLanes; ++i) p[i] = quant::f32_to_f16(x.v[i]);
}

inline F add(F a, F b) {
  return each([&](int i) { return a.v[i] + b.v[i]; });
}
inline F sub(F a, F b) {
  return each([&](int i) { return a.v[i] - b.v[i]; });
}
inline F mul(F a, F b) {
  return each([&](int i) { return a.v[i] * b.v[i]; });
}
inline F div(F a, F b) {
  return each([&](int i) { return a.v[i] / b.v[i]; });
}
// Rounds twice: a fused one would be a call to the C library where the processor has none.
inline F fma(F a, F b, F c) {
  return add(mul(a, b), c);
}
inline F max(F a, F b) {
  return each([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
}
inline F min(F a, F b) {
  return each([&](int i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; });
}
inline F abs(F x) {
  return each([&](int i) { return x.v[i] < 0.0F ? -x.v[i] : x.v[i]; });
}
inline float reduce_add(F x) {
  return (x.v[0] + x.v[2]) + (x.v[1] + x.v[3]);
}
inline float reduce_max(F x) {
  const float a = x.v[0] > x.v[2] ? x.v[0] : x.v[2];
  const float b = x.v[1] > x.v[3] ? x.v[1] : x.v[3];
  return a > b ? a : b;
}
// To the nearest integer, for |x| < 2^22: adding 1.5 * 2^23 leaves no bits for a fraction.
inline F round(F x) {
  constexpr float kNoFraction = 12582912.0F;
  return each([&](int i) { return (x.v[i] + kNoFraction) - kNoFraction; });
}
// x * 2^n for whole n in -126 .. 127.
inline F times_power_of_two(F x, F n) {
  return each([&](int i) {
    return x.v[i] * std::bit_cast<float>(static_cast<uint32_t>(static_cast<int32_t>(n.v[i]) + 127) << 23);
  });
}
// y where x >= limit, else 0.
inline F zero_below(F y, F x, float limit) {
  return each([&](int i) { return x.v[i] >= limit ? y.v[i] : 0.0F; });
}
inline void store_rounded_i8(int8_t* p, F x) {
  const F rounded = round(x);
  for (int i = 0; i < kLanes; ++i) p[i] = static_cast<int8_t>(rounded.v[i]);
}
inline void prefetch(const void* p) {
  __builtin_prefetch(p);
}
inline void prefetch_l2(const void* p) {
  __builtin_prefetch(p, 0, 2);
}

// Transposes 4 x 4 elements.
inline void transpose(F (&m)[kLanes]) {
  for (int i = 0; i < kLanes; ++i) {
    for (int j = 0; j < i; ++j) {
      const float x = m[i].v[j];
      m[i].v[j] = m[j].v[i];
      m[j].v[i] = x;
    }
  }
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
