// Q4_0 and Q8_0: blocks of 32 with one half-precision scale.
#include <algorithm>
#include <cmath>

#include "quant/families.h"
#include "quant/half.h"
#include "quant/scale_search.h"

namespace hearth::quant {
namespace {

// Scales that overflow half precision become the largest finite one.
uint16_t scale_to_f16(float scale) noexcept {
  return f32_to_f16(std::clamp(scale, -65504.0F, 65504.0F));
}

// 0 for scales so small that their reciprocal is no number.
float inverse_or_zero(float scale) noexcept {
  const float inverse = 1.0F / scale;
  return std::isfinite(inverse) ? inverse : 0.0F;
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
    BlockQ4_0& block = blocks[b];
    block.d = scale_to_f16(search_scale({x, kSmallBlock}, -8, 7));
    const float inverse = inverse_or_zero(f16_to_f32(block.d));
    for (int j = 0; j < kSmallBlock / 2; ++j) {
      const int low = round_to_level(x[j], inverse, -8, 7) + 8;
      const int high = round_to_level(x[j + kSmallBlock / 2], inverse, -8, 7) + 8;
      block.qs[j] = static_cast<uint8_t>(low | (high << 4));
    }
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
