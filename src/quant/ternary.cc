// TQ1_0, TQ2_0, Q1_0, Q2_0: one scale, and elements of -1, 0, 1 (or two values, or four).
#include "quant/families.h"
#include "quant/half.h"

namespace hearth::quant {
namespace {

// Digit n (0 the first after the point) of the fraction byte / 256 to base 3.
int ternary_digit(uint8_t byte, int n) noexcept {
  constexpr uint8_t kPowers[5] = {1, 3, 9, 27, 81};
  const auto fraction = static_cast<uint8_t>(byte * kPowers[n]);
  return fraction * 3 >> 8;
}

// The `n_digits` digits of each of `count` bytes, digit by digit.
float* write_ternary(const uint8_t* bytes, int count, int n_digits, float d, float* out) noexcept {
  for (int n = 0; n < n_digits; ++n) {
    for (int i = 0; i < count; ++i) *out++ = static_cast<float>(ternary_digit(bytes[i], n) - 1) * d;
  }
  return out;
}

}  // namespace

void dequantize_tq1_0(const BlockTQ1_0* blocks, float* out, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSuperBlock; ++b) {
    const float d = f16_to_f32(blocks[b].d);
    out = write_ternary(blocks[b].qs, 32, 5, d, out);
    out = write_ternary(blocks[b].qs + 32, 16, 5, d, out);
    out = write_ternary(blocks[b].qh, 4, 4, d, out);
  }
}

void dequantize_tq2_0(const BlockTQ2_0* blocks, float* out, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSuperBlock; ++b) {
    const float d = f16_to_f32(blocks[b].d);
    for (int i = 0; i < kSuperBlock; ++i) {
      const int q = (blocks[b].qs[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2)) & 3;
      *out++ = static_cast<float>(q - 1) * d;
    }
  }
}

void dequantize_q1_0(const BlockQ1_0* blocks, float* out, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kQ1_0Block; ++b) {
    const float d = f16_to_f32(blocks[b].d);
    for (int i = 0; i < kQ1_0Block; ++i) *out++ = (blocks[b].qs[i / 8] >> (i % 8) & 1) != 0 ? d : -d;
  }
}

void dequantize_q2_0(const BlockQ2_0* blocks, float* out, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kQ2_0Block; ++b) {
    const float d = f16_to_f32(blocks[b].d);
    for (int i = 0; i < kQ2_0Block; ++i) {
      *out++ = static_cast<float>((blocks[b].qs[i / 4] >> (i % 4 * 2) & 3) - 1) * d;
    }
  }
}

}  // namespace hearth::quant
