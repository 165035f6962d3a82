// Q4_0, Q4_1, Q5_0, Q5_1, Q8_0: blocks of 32 with one half-precision scale, and an offset or none.
#include <algorithm>
#include <cmath>

#include "quant/families.h"
#include "quant/half.h"
#include "quant/scale_search.h"

namespace hearth::quant {
namespace {

constexpr int kHalf = kSmallBlock / 2;
constexpr float kShareOfSquares = 1.0F;  // error_weights()

// The fifth bits of a block, element i's in bit i.
uint32_t unpack_fifth_bits(const uint8_t (&qh)[4]) noexcept {
  return qh[0] | uint32_t{qh[1]} << 8 | uint32_t{qh[2]} << 16 | uint32_t{qh[3]} << 24;
}

// Elements of five bits, in order.
void unpack_five_bits(const uint8_t (&qh)[4], const uint8_t (&qs)[16], int (&q)[kSmallBlock]) noexcept {
  const uint32_t fifth = unpack_fifth_bits(qh);
  for (int j = 0; j < kHalf; ++j) {
    q[j] = static_cast<int>((qs[j] & 15U) | ((fifth >> j & 1U) << 4));
    q[j + kHalf] = static_cast<int>((qs[j] >> 4) | ((fifth >> (j + kHalf) & 1U) << 4));
  }
}

void pack_five_bits(const int (&q)[kSmallBlock], uint8_t (&qh)[4], uint8_t (&qs)[16]) noexcept {
  for (uint8_t& byte : qh) byte = 0;
  for (int i = 0; i < kSmallBlock; ++i) qh[i / 8] |= static_cast<uint8_t>(q[i] >> 4 << (i % 8));
  for (int j = 0; j < kHalf; ++j) qs[j] = static_cast<uint8_t>((q[j] & 15) | ((q[j + kHalf] & 15) << 4));
}

// A block's weights, of magnitudes up to 1, and what they were divided by.
struct NormalWeights {
  explicit NormalWeights(const float* weights) noexcept : largest(largest_magnitude(weights, kSmallBlock)) {
    const float inverse = inverse_norm(largest);
    for (int i = 0; i < kSmallBlock; ++i) x[i] = weights[i] * inverse;
    error_weights(x, kSmallBlock, kShareOfSquares, w);
  }
  float largest;
  float x[kSmallBlock];
  float w[kSmallBlock];  // of their errors
};

// x ~ d q, rounded to what a block can express; q of low .. -low - 1, counted from 0.
uint16_t quantize_signed(const float* x, int low, int (&q)[kSmallBlock]) noexcept {
  const NormalWeights normal(x);
  const uint16_t d =
      scale_to_f16(search_scale<kSmallBlock>(normal.x, normal.w, low, -low - 1) * normal.largest);
  const float inverse = inverse_or_zero(f16_to_f32(d));
  for (int i = 0; i < kSmallBlock; ++i) q[i] = round_to_level(x[i], inverse, low, -low - 1) - low;
  return d;
}

// x ~ d q + m, rounded to what a block can express.
struct OffsetBlock {
  uint16_t d;
  uint16_t m;
  int q[kSmallBlock];
};

OffsetBlock quantize_with_offset(const float* x, int high) noexcept {
  NormalWeights normal(x);
  // Moved below zero, where the search may place the offset anywhere.
  const float highest = *std::max_element(normal.x, normal.x + kSmallBlock);
  for (float& v : normal.x) v -= highest;
  const AffineFit fit = search_affine<kSmallBlock>(normal.x, normal.w, high);
  OffsetBlock block{};
  block.d = scale_to_f16(fit.scale * normal.largest);
  block.m = scale_to_f16((highest - fit.min) * normal.largest);
  const float inverse = inverse_or_zero(f16_to_f32(block.d));
  const float m = f16_to_f32(block.m);
  for (int i = 0; i < kSmallBlock; ++i) block.q[i] = round_to_level(x[i] - m, inverse, 0, high);
  return block;
}

}  // namespace

void dequantize_q4_0(const BlockQ4_0* blocks, float* out, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSmallBlock; ++b, out += kSmallBlock) {
    const float d = f16_to_f32(blocks[b].d);
    for (int j = 0; j < kSmallBlock / 2; ++j) {
      out[j] = static_cast<float>((blocks[b].qs[j] & 15) - 8) * d;
      out[j + kSmallBlock / 2] = static_cast<float>((blocks[b].qs[j] >> 4) - 8) * d;
    }
  }
}

void quantize_q4_0(const float* x, BlockQ4_0* blocks, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSmallBlock; ++b, x += kSmallBlock) {
    int q[kSmallBlock];
    blocks[b].d = quantize_signed(x, -8, q);
    for (int j = 0; j < kHalf; ++j) blocks[b].qs[j] = static_cast<uint8_t>(q[j] | (q[j + kHalf] << 4));
  }
}

void dequantize_q4_1(const BlockQ4_1* blocks, float* out, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSmallBlock; ++b, out += kSmallBlock) {
    const float d = f16_to_f32(blocks[b].d);
    const float m = f16_to_f32(blocks[b].m);
    for (int j = 0; j < kHalf; ++j) {
      out[j] = static_cast<float>(blocks[b].qs[j] & 15) * d + m;
      out[j + kHalf] = static_cast<float>(blocks[b].qs[j] >> 4) * d + m;
    }
  }
}

void quantize_q4_1(const float* x, BlockQ4_1* blocks, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSmallBlock; ++b) {
    const OffsetBlock from = quantize_with_offset(x + b * kSmallBlock, 15);
    blocks[b].d = from.d;
    blocks[b].m = from.m;
    for (int j = 0; j < kHalf; ++j) {
      blocks[b].qs[j] = static_cast<uint8_t>(from.q[j] | (from.q[j + kHalf] << 4));
    }
  }
}

void dequantize_q5_0(const BlockQ5_0* blocks, float* out, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSmallBlock; ++b, out += kSmallBlock) {
    const float d = f16_to_f32(blocks[b].d);
    int q[kSmallBlock];
    unpack_five_bits(blocks[b].qh, blocks[b].qs, q);
    for (int i = 0; i < kSmallBlock; ++i) out[i] = static_cast<float>(q[i] - 16) * d;
  }
}

void quantize_q5_0(const float* x, BlockQ5_0* blocks, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSmallBlock; ++b, x += kSmallBlock) {
    int q[kSmallBlock];
    blocks[b].d = quantize_signed(x, -16, q);
    pack_five_bits(q, blocks[b].qh, blocks[b].qs);
  }
}

void dequantize_q5_1(const BlockQ5_1* blocks, float* out, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSmallBlock; ++b, out += kSmallBlock) {
    const float d = f16_to_f32(blocks[b].d);
    const float m = f16_to_f32(blocks[b].m);
    int q[kSmallBlock];
    unpack_five_bits(blocks[b].qh, blocks[b].qs, q);
    for (int i = 0; i < kSmallBlock; ++i) out[i] = static_cast<float>(q[i]) * d + m;
  }
}

void quantize_q5_1(const float* x, BlockQ5_1* blocks, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSmallBlock; ++b) {
    const OffsetBlock from = quantize_with_offset(x + b * kSmallBlock, 31);
    blocks[b].d = from.d;
    blocks[b].m = from.m;
    pack_five_bits(from.q, blocks[b].qh, blocks[b].qs);
  }
}

void dequantize_q8_0(const BlockQ8_0* blocks, float* out, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSmallBlock; ++b, out += kSmallBlock) {
    const float d = f16_to_f32(blocks[b].d);
    for (int j = 0; j < kSmallBlock; ++j) out[j] = static_cast<float>(blocks[b].qs[j]) * d;
  }
}

void quantize_q8_0(const float* x, BlockQ8_0* blocks, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSmallBlock; ++b, x += kSmallBlock) {
    BlockQ8_0& block = blocks[b];
    float largest = 0.0F;
    for (int j = 0; j < kSmallBlock; ++j) largest = std::max(largest, std::fabs(x[j]));
    block.d = scale_to_f16(largest / 127.0F);
    const float inverse = inverse_or_zero(f16_to_f32(block.d));
    for (int j = 0; j < kSmallBlock; ++j) {
      block.qs[j] = static_cast<int8_t>(round_to_level(x[j], inverse, -127, 127));
    }
  }
}

}  // namespace hearth::quant
