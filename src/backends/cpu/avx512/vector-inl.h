// The vector type of the AVX-512 set: sixteen floats; and the integer operations of its quantised products.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "backends/cpu/kernels.h"
#include "quant/blocks.h"

namespace hearth::cpu::HEARTH_ISA {
namespace {

using F = __m512;
constexpr int kLanes = 16;
// 4 x 4 sums, 4 activations and a weight: 21 of 32 registers.
constexpr int kTileRows = 4;
constexpr int kTileActivations = 4;
// Of dense products: 24 sums, 2 vectors of one matrix and an element of the other: 27 of 32 registers.
constexpr int kGemmRows = 12;
constexpr int kGemmVectors = 2;

inline __mmask16 first_lanes(int64_t count) {
  return static_cast<__mmask16>((1U << count) - 1U);
}

inline F zero() {
  return _mm512_setzero_ps();
}
inline F broadcast(float x) {
  return _mm512_set1_ps(x);
}
inline F load(const float* p) {
  return _mm512_loadu_ps(p);
}
inline F load_partial(const float* p, int64_t count) {
  return count >= kLanes ? load(p) : _mm512_maskz_loadu_ps(first_lanes(count), p);
}
inline F load_f16(const uint16_t* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
inline F broadcast_f16(const uint16_t& half) {
  return _mm512_cvtph_ps(_mm256_set1_epi16(static_cast<int16_t>(half)));
}
inline F load_f16_partial(const uint16_t* p, int64_t count) {
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first_lanes(count), p));
}
inline __m512i load_wide_bytes(const uint8_t* p) {
  return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
inline F load_i8(const int8_t* p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
inline F load_low_nibbles(const uint8_t* p) {
  return _mm512_cvtepi32_ps(_mm512_and_si512(load_wide_bytes(p), _mm512_set1_epi32(15)));
}
inline F load_high_nibbles(const uint8_t* p) {
  return _mm512_cvtepi32_ps(_mm512_srli_epi32(load_wide_bytes(p), 4));
}
inline F widen_bf16(__m256i x) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
}
inline F load_bf16(const uint16_t* p) {
  return widen_bf16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
inline F load_bf16_partial(const uint16_t* p, int64_t count) {
  return widen_bf16(_mm256_maskz_loadu_epi16(first_lanes(count), p));
}
inline void store(float* p, F x) {
  _mm512_storeu_ps(p, x);
}
inline void store_partial(float* p, F x, int64_t count) {
  _mm512_mask_storeu_ps(p, count >= kLanes ? static_cast<__mmask16>(0xFFFF) : first_lanes(count), x);
}
inline void store_f16(uint16_t* p, F x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

inline F add(F a, F b) {
  return _mm512_add_ps(a, b);
}
inline F sub(F a, F b) {
  return _mm512_sub_ps(a, b);
}
inline F mul(F a, F b) {
  return _mm512_mul_ps(a, b);
}
inline F div(F a, F b) {
  return _mm512_div_ps(a, b);
}
inline F fma(F a, F b, F c) {
  return _mm512_fmadd_ps(a, b, c);
}
inline F fnma(F a, F b, F c) {
  return _mm512_fnmadd_ps(a, b, c);
}  // c - a b
inline F max(F a, F b) {
  return _mm512_max_ps(a, b);
}
inline F min(F a, F b) {
  return _mm512_min_ps(a, b);
}
inline F abs(F x) {
  return _mm512_abs_ps(x);
}
inline float reduce_add(F x) {
  return _mm512_reduce_add_ps(x);
}
inline float reduce_max(F x) {
  return _mm512_reduce_max_ps(x);
}
inline F round(F x) {
  return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
// x * 2^n for whole n.
inline F times_power_of_two(F x, F n) {
  return _mm512_scalef_ps(x, n);
}
// y where x >= limit, else 0.
inline F zero_below(F y, F x, float limit) {
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, broadcast(limit), _CMP_GE_OQ), y);
}
inline void store_rounded_i8(int8_t* p, F x) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(x)));
}
inline void prefetch(const void* p) {
  _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0);
}
inline void prefetch_l2(const void* p) {
  _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T1);
}

// Integers: vectors of kVectorBytes bytes, with 32-bit sums.
using I = __m512i;
constexpr int kVectorBytes = 64;

inline I load_bytes(const void* p) {
  return _mm512_loadu_si512(p);
}
inline I zero_integers() {
  return _mm512_setzero_si512();
}
// sums + the sums of four products of unsigned and signed bytes.
inline I dot_bytes(I sums, I u, I s) {
  return _mm512_dpbusd_epi32(sums, u, s);
}
// sums + the sums of two products: the sums of two products of bytes (which must fit 16 bits), times scales.
inline I dot_scaled(I sums, I u, I s, I scales) {
  return _mm512_dpwssd_epi32(sums, _mm512_maddubs_epi16(u, s), scales);
}
inline I widen_low(__m256i x) {
  return _mm512_zextsi256_si512(x);
}

// One integer per row, and a row per lane of F.
inline F to_floats(I x) {
  return _mm512_cvtepi32_ps(x);
}

// The sums of the low and of the high half of each of sixteen vectors, lane r from vector r.
struct Halves {
  I low;
  I high;
};
inline I add_pairs_32(I a, I b) {
  return _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
}
inline I add_pairs_64(I a, I b) {
  return _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
}
inline I add_neighbour_quarters(I a, I b) {
  return _mm512_add_epi32(_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xDD));
}
inline Halves sum_halves(const I* v) {
  I quads[4];  // per 128 bits: four rows' sums of that quarter
  for (int i = 0; i < 4; ++i) {
    const I* w = v + 4 * i;
    quads[i] = add_pairs_64(add_pairs_32(w[0], w[1]), add_pairs_32(w[2], w[3]));
  }
  const I left = add_neighbour_quarters(quads[0], quads[1]);
  const I right = add_neighbour_quarters(quads[2], quads[3]);
  return {_mm512_shuffle_i32x4(left, right, 0x88), _mm512_shuffle_i32x4(left, right, 0xDD)};
}
inline I sum_all(const I* v) {
  const Halves halves = sum_halves(v);
  return _mm512_add_epi32(halves.low, halves.high);
}
inline I sub_integers(I a, I b) {
  return _mm512_sub_epi32(a, b);
}
inline I broadcast_integer(int32_t x) {
  return _mm512_set1_epi32(x);
}

// Transposes 16 x 16 elements of 32 bits.
inline void transpose(I (&m)[16]) {
  I pairs[16];
  for (int i = 0; i < 16; i += 2) {
    pairs[i] = _mm512_unpacklo_epi32(m[i], m[i + 1]);
    pairs[i + 1] = _mm512_unpackhi_epi32(m[i], m[i + 1]);
  }
  I quads[16];  // quads[4 q + c]: column c of each 128-bit lane, rows 4q .. 4q + 3
  for (int i = 0; i < 16; i += 4) {
    quads[i] = _mm512_unpacklo_epi64(pairs[i], pairs[i + 2]);
    quads[i + 1] = _mm512_unpackhi_epi64(pairs[i], pairs[i + 2]);
    quads[i + 2] = _mm512_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
    quads[i + 3] = _mm512_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
  }
  for (int c = 0; c < 4; ++c) {
    const I even_low = _mm512_shuffle_i32x4(quads[c], quads[c + 4], 0x88);
    const I odd_low = _mm512_shuffle_i32x4(quads[c], quads[c + 4], 0xDD);
    const I even_high = _mm512_shuffle_i32x4(quads[c + 8], quads[c + 12], 0x88);
    const I odd_high = _mm512_shuffle_i32x4(quads[c + 8], quads[c + 12], 0xDD);
    m[c] = _mm512_shuffle_i32x4(even_low, even_high, 0x88);
    m[c + 4] = _mm512_shuffle_i32x4(odd_low, odd_high, 0x88);
    m[c + 8] = _mm512_shuffle_i32x4(even_low, even_high, 0xDD);
    m[c + 12] = _mm512_shuffle_i32x4(odd_low, odd_high, 0xDD);
  }
}
inline void transpose(F (&m)[kLanes]) {
  I integers[kLanes];
  for (int i = 0; i < kLanes; ++i) integers[i] = _mm512_castps_si512(m[i]);
  transpose(integers);
  for (int i = 0; i < kLanes; ++i) m[i] = _mm512_castsi512_ps(integers[i]);
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
