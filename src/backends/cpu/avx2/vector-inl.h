// The vector type of the AVX2 set: eight floats; and the integer operations of its quantised products.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "backends/cpu/kernels.h"
#include "quant/blocks.h"

namespace hearth::cpu::HEARTH_ISA {
namespace {

using F = __m256;
constexpr int kLanes = 8;
// 2 x 4 sums, 4 activations and a weight: 13 of 16 registers.
constexpr int kTileRows = 2;
constexpr int kTileActivations = 4;
// Of dense products: 12 sums, 2 vectors of one matrix and an element of the other: 15 of 16 registers.
constexpr int kGemmRows = 6;
constexpr int kGemmVectors = 2;

inline __m256i first_lanes(int64_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int32_t>(count)),
                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
// AVX2 has no masked load of 16-bit elements.
inline __m128i load_words(const uint16_t* p, int64_t count) {
  alignas(16) uint16_t words[kLanes] = {};
  for (int64_t i = 0; i < count && i < kLanes; ++i) words[i] = p[i];
  return _mm_load_si128(reinterpret_cast<const __m128i*>(words));
}

inline F zero() {
  return _mm256_setzero_ps();
}
inline F broadcast(float x) {
  return _mm256_set1_ps(x);
}
inline F load(const float* p) {
  return _mm256_loadu_ps(p);
}
inline F load_partial(const float* p, int64_t count) {
  return count >= kLanes ? load(p) : _mm256_maskload_ps(p, first_lanes(count));
}
inline F load_f16(const uint16_t* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
inline F broadcast_f16(const uint16_t& half) {
  return _mm256_cvtph_ps(_mm_set1_epi16(static_cast<int16_t>(half)));
}
inline F load_f16_partial(const uint16_t* p, int64_t count) {
  return _mm256_cvtph_ps(load_words(p, count));
}
inline __m256i load_wide_bytes(const uint8_t* p) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
}
inline F load_i8(const int8_t* p) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}
inline F load_low_nibbles(const uint8_t* p) {
  return _mm256_cvtepi32_ps(_mm256_and_si256(load_wide_bytes(p), _mm256_set1_epi32(15)));
}
inline F load_high_nibbles(const uint8_t* p) {
  return _mm256_cvtepi32_ps(_mm256_srli_epi32(load_wide_bytes(p), 4));
}
inline F widen_bf16(__m128i x) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(x), 16));
}
inline F load_bf16(const uint16_t* p) {
  return widen_bf16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
inline F load_bf16_partial(const uint16_t* p, int64_t count) {
  return widen_bf16(load_words(p, count));
}
inline void store(float* p, F x) {
  _mm256_storeu_ps(p, x);
}
inline void store_partial(float* p, F x, int64_t count) {
  if (count >= kLanes) {
    store(p, x);
  } else {
    _mm256_maskstore_ps(p, first_lanes(count), x);
  }
}
inline void store_f16(uint16_t* p, F x) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                   _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

inline F add(F a, F b) {
  return _mm256_add_ps(a, b);
}
inline F sub(F a, F b) {
  return _mm256_sub_ps(a, b);
}
inline F mul(F a, F b) {
  return _mm256_mul_ps(a, b);
}
inline F div(F a, F b) {
  return _mm256_div_ps(a, b);
}
inline F fma(F a, F b, F c) {
  return _mm256_fmadd_ps(a, b, c);
}
inline F fnma(F a, F b, F c) {
  return _mm256_fnmadd_ps(a, b, c);
}  // c - a b
inline F max(F a, F b) {
  return _mm256_max_ps(a, b);
}
inline F min(F a, F b) {
  return _mm256_min_ps(a, b);
}
inline F abs(F x) {
  return _mm256_andnot_ps(broadcast(-0.0F), x);
}
inline float reduce_add(F x) {
  __m128 sum = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
  return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
}
inline float reduce_max(F x) {
  __m128 top = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  top = _mm_max_ps(top, _mm_movehl_ps(top, top));
  return _mm_cvtss_f32(_mm_max_ss(top, _mm_movehdup_ps(top)));
}
inline F round(F x) {
  return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
// x * 2^n for whole n in -126 .. 127.
inline F times_power_of_two(F x, F n) {
  const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
  return mul(x, _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23)));
}
// y where x >= limit, else 0.
inline F zero_below(F y, F x, float limit) {
  return _mm256_and_ps(y, _mm256_cmp_ps(x, broadcast(limit), _CMP_GE_OQ));
}
inline void store_rounded_i8(int8_t* p, F x) {
  const __m256i integers = _mm256_cvtps_epi32(x);
  const __m128i words =
      _mm_packs_epi32(_mm256_castsi256_si128(integers), _mm256_extracti128_si256(integers, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(words, words));
}
inline void prefetch(const void* p) {
  _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0);
}
inline void prefetch_l2(const void* p) {
  _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T1);
}

// Integers: vectors of kVectorBytes bytes, with 32-bit sums.
using I = __m256i;
constexpr int kVectorBytes = 32;

inline I load_bytes(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}
inline I zero_integers() {
  return _mm256_setzero_si256();
}
// sums + the sums of two products: the sums of two products of bytes (which must fit 16 bits), times scales.
inline I dot_scaled(I sums, I u, I s, I scales) {
  return _mm256_add_epi32(sums, _mm256_madd_epi16(_mm256_maddubs_epi16(u, s), scales));
}
inline I widen_low(__m256i x) {
  return x;
}

// One integer per row, and a row per lane of F.
inline F to_floats(I x) {
  return _mm256_cvtepi32_ps(x);
}
inline I add_pairs_32(I a, I b) {
  return _mm256_add_epi32(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
}
inline I add_pairs_64(I a, I b) {
  return _mm256_add_epi32(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
}
// The sums of eight vectors, lane r from vector r.
inline I sum_all(const I* v) {
  const I low = add_pairs_64(add_pairs_32(v[0], v[1]), add_pairs_32(v[2], v[3]));
  const I high = add_pairs_64(add_pairs_32(v[4], v[5]), add_pairs_32(v[6], v[7]));
  return _mm256_add_epi32(_mm256_permute2x128_si256(low, high, 0x20),
                          _mm256_permute2x128_si256(low, high, 0x31));
}

// Transposes 8 x 8 elements of 32 bits.
inline void transpose(I (&m)[8]) {
  I pairs[8];
  for (int i = 0; i < 8; i += 2) {
    pairs[i] = _mm256_unpacklo_epi32(m[i], m[i + 1]);
    pairs[i + 1] = _mm256_unpackhi_epi32(m[i], m[i + 1]);
  }
  I quads[8];  // quads[4 q + c]: column c of each 128-bit lane, rows 4q .. 4q + 3
  for (int i = 0; i < 8; i += 4) {
    quads[i] = _mm256_unpacklo_epi64(pairs[i], pairs[i + 2]);
    quads[i + 1] = _mm256_unpackhi_epi64(pairs[i], pairs[i + 2]);
    quads[i + 2] = _mm256_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
    quads[i + 3] = _mm256_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
  }
  for (int c = 0; c < 4; ++c) {
    m[c] = _mm256_permute2x128_si256(quads[c], quads[c + 4], 0x20);
    m[c + 4] = _mm256_permute2x128_si256(quads[c], quads[c + 4], 0x31);
  }
}
inline void transpose(F (&m)[kLanes]) {
  I integers[kLanes];
  for (int i = 0; i < kLanes; ++i) integers[i] = _mm256_castps_si256(m[i]);
  transpose(integers);
  for (int i = 0; i < kLanes; ++i) m[i] = _mm256_castsi256_ps(integers[i]);
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
