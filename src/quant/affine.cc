// A4 and A8: the affine groups of GPTQ and AWQ.
#include <bit>

#include "quant/families.h"

namespace hearth::quant {
namespace {

float scale_of(const uint16_t halves[2]) noexcept {
  return std::bit_cast<float>(static_cast<uint32_t>(halves[0]) | static_cast<uint32_t>(halves[1]) << 16);
}

}  // namespace

void dequantize_a4(const BlockA4* blocks, float* out, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSmallBlock; ++b, out += kSmallBlock) {
    const float scale = scale_of(blocks[b].scale);
    const int zero = blocks[b].zero;
    for (int i = 0; i < kSmallBlock / 2; ++i) {
      out[i] = scale * static_cast<float>((blocks[b].qs[i] & 15) - zero);
      out[i + kSmallBlock / 2] = scale * static_cast<float>((blocks[b].qs[i] >> 4) - zero);
    }
  }
}

void dequantize_a8(const BlockA8* blocks, float* out, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSmallBlock; ++b, out += kSmallBlock) {
    const float scale = scale_of(blocks[b].scale);
    const int zero = blocks[b].zero;
    for (int i = 0; i < kSmallBlock; ++i) out[i] = scale * static_cast<float>(blocks[b].qs[i] - zero);
  }
}

}  // namespace hearth::quant
