// The vector type of the NEON set: four floats; and the integer operations of its quantised products.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "backends/cpu/kernels.h"
#include "quant/blocks.h"

namespace hearth::cpu::HEARTH_ISA {
namespace {

using F = float32x4_t;
constexpr int kLanes = 4;
// 4 x 4 sums, 4 activations and a weight: 21 of 32 registers.
constexpr int kTileRows = 4;
constexpr int kTileActivations = 4;
// Of dense products: 16 sums, 4 vectors of one matrix and an element of the other.
constexpr int kGemmRows = 4;
constexpr int kGemmVectors = 4;

inline F zero() {
  return vdupq_n_f32(0.0F);
}
inline F broadcast(float x) {
  return vdupq_n_f32(x);
}
inline F load(const float* p) {
  return vld1q_f32(p);
}
// There is no masked load.
inline F load_partial(const float* p, int64_t count) {
  if (count >= kLanes) return load(p);
  float x[kLanes] = {};
  for (int64_t i = 0; i < count && i < kLanes; ++i) x[i] = p[i];
  return load(x);
}
inline uint16x4_t load_words(const uint16_t* p, int64_t count) {
  uint16_t words[kLanes] = {};
  for (int64_t i = 0; i < count && i < kLanes; ++i) words[i] = p[i];
  return vld1_u16(words);
}
inline F widen_f16(uint16x4_t x) {
  return vcvt_f32_f16(vreinterpret_f16_u16(x));
}
inline F load_f16(const uint16_t* p) {
  return widen_f16(vld1_u16(p));
}
inline F broadcast_f16(const uint16_t& half) {
  return widen_f16(vdup_n_u16(half));
}
inline F load_f16_partial(const uint16_t* p, int64_t count) {
  return widen_f16(load_words(p, count));
}
inline uint8x8_t load_four_bytes(const void* p) {
  uint32_t bytes;
  __builtin_memcpy(&bytes, p, sizeof(bytes));
  return vreinterpret_u8_u32(vdup_n_u32(bytes));
}
inline F load_i8(const int8_t* p) {
  const int16x8_t words = vmovl_s8(vreinterpret_s8_u8(load_four_bytes(p)));
  return vcvtq_f32_s32(vmovl_s16(vget_low_s16(words)));
}
inline F widen_bytes(uint8x8_t bytes) {
  return vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(bytes))));
}
inline F load_low_nibbles(const uint8_t* p) {
  return widen_bytes(vand_u8(load_four_bytes(p), vdup_n_u8(15)));
}
inline F load_high_nibbles(const uint8_t* p) {
  return widen_bytes(vshr_n_u8(load_four_bytes(p), 4));
}
inline F widen_bf16(uint16x4_t x) {
  return vreinterpretq_f32_u32(vshll_n_u16(x, 16));
}
inline F load_bf16(const uint16_t* p) {
  return widen_bf16(vld1_u16(p));
}
inline F load_bf16_partial(const uint16_t* p, int64_t count) {
  return widen_bf16(load_words(p, count));
}
inline void store(float* p, F x) {
  vst1q_f32(p, x);
}
inline void store_partial(float* p, F x, int64_t count) {
  if (count >= kLanes) {
    store(p, x);
    return;
  }
  float elements[kLanes];
  store(elements, x);
  for (int64_t i = 0; i < count && i < kLanes; ++i) p[i] = elements[i];
}
inline void store_f16(uint16_t* p, F x) {
  vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(x)));
}

inline F add(F a, F b) {
  return vaddq_f32(a, b);
}
inline F sub(F a, F b) {
  return vsubq_f32(a, b);
}
inline F mul(F a, F b) {
  return vmulq_f32(a, b);
}
inline F div(F a, F b) {
  return vdivq_f32(a, b);
}
inline F fma(F a, F b, F c) {
  return vfmaq_f32(c, a, b);
}
inline F fnma(F a, F b, F c) {
  return vfmsq_f32(c, a, b);
}  // c - a b
inline F max(F a, F b) {
  return vmaxq_f32(a, b);
}
inline F min(F a, F b) {
  return vminq_f32(a, b);
}
inline F abs(F x) {
  return vabsq_f32(x);
}
inline float reduce_add(F x) {
  return vaddvq_f32(x);
}
inline float reduce_max(F x) {
  return vmaxvq_f32(x);
}
inline F round(F x) {
  return vrndnq_f32(x);
}
// x * 2^n for whole n in -126 .. 127.
inline F times_power_of_two(F x, F n) {
  const int32x4_t exponent = vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127));
  return mul(x, vreinterpretq_f32_s32(vshlq_n_s32(exponent, 23)));
}
// y where x >= limit, else 0.
inline F zero_below(F y, F x, float limit) {
  return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(y), vcgeq_f32(x, broadcast(limit))));
}
inline void store_rounded_i8(int8_t* p, F x) {
  const int16x4_t words = vqmovn_s32(vcvtnq_s32_f32(x));
  const int32_t bytes = vget_lane_s32(vreinterpret_s32_s8(vqmovn_s16(vcombine_s16(words, words))), 0);
  __builtin_memcpy(p, &bytes, sizeof(bytes));
}
inline void prefetch(const void* p) {
  __builtin_prefetch(p);
}
inline void prefetch_l2(const void* p) {
  __builtin_prefetch(p, /*rw=*/0, /*locality=*/2);
}

// Transposes 4 x 4 elements.
inline void transpose(F (&m)[kLanes]) {
  const float32x4x2_t upper = vtrnq_f32(m[0], m[1]);
  const float32x4x2_t lower = vtrnq_f32(m[2], m[3]);
  m[0] = vcombine_f32(vget_low_f32(upper.val[0]), vget_low_f32(lower.val[0]));
  m[1] = vcombine_f32(vget_low_f32(upper.val[1]), vget_low_f32(lower.val[1]));
  m[2] = vcombine_f32(vget_high_f32(upper.val[0]), vget_high_f32(lower.val[0]));
  m[3] = vcombine_f32(vget_high_f32(upper.val[1]), vget_high_f32(lower.val[1]));
}

// Integers: four 32-bit sums, and vectors of sixteen signed bytes.
using I = int32x4_t;
using Bytes = int8x16_t;
constexpr int kVectorBytes = 16;

inline Bytes load_bytes(const void* p) {
  return vld1q_s8(static_cast<const int8_t*>(p));
}
inline I zero_integers() {
  return vdupq_n_s32(0);
}
// sums + the sums of four products.
inline I dot_bytes(I sums, Bytes a, Bytes b) {
  return vdotq_s32(sums, a, b);
}
// One integer per row, and a row per lane of F.
inline F to_floats(I x) {
  return vcvtq_f32_s32(x);
}
// The sums of four vectors, lane r from vector r.
inline I sum_all(const I (&v)[kLanes]) {
  return vpaddq_s32(vpaddq_s32(v[0], v[1]), vpaddq_s32(v[2], v[3]));
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
