// MXFP4 and NVFP4: floats of four bits (E2M1) with a scale of eight.
#include <algorithm>
#include <bit>
#include <cmath>

#include "quant/families.h"
#include "quant/levels.h"
#include "quant/scale_search.h"

namespace hearth::quant {
namespace {

// E2M1 by its bits, doubled so that all are whole; scales are halved instead.
constexpr int8_t kLevels[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

// Half of 2^(e - 127); the two smallest are subnormal. 255 is NaN in the OCP's format, and 2^127 here as in
// the format's other implementations.
float half_of_e8m0(uint8_t e) noexcept {
  const uint32_t bits = e < 2 ? 0x00200000U << e : static_cast<uint32_t>(e - 1) << 23;
  return std::bit_cast<float>(bits);
}

// Half of an unsigned E4M3. The eighth bit is not used; 0x7F, NaN in the OCP's format, counts as 0.
float half_of_ue4m3(uint8_t bits) noexcept {
  if (bits == 0x7F) return 0.0F;
  const int exponent = (bits >> 3) & 15;
  const int fraction = bits & 7;
  if (exponent == 0) return std::ldexp(static_cast<float>(fraction), -10);
  return std::ldexp(static_cast<float>(8 + fraction), exponent - 11);
}

}  // namespace

void dequantize_mxfp4(const BlockMXFP4* blocks, float* out, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSmallBlock; ++b) {
    out = write_levels(blocks[b].qs, kSmallBlock / 2, kLevels, half_of_e8m0(blocks[b].e), out);
  }
}

void quantize_mxfp4(const float* x, BlockMXFP4* blocks, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSmallBlock; ++b, x += kSmallBlock) {
    float largest = 0.0F;
    for (int i = 0; i < kSmallBlock; ++i) largest = std::max(largest, std::fabs(x[i]));
    // The largest of E2M1 is 6: the power of two that it needs, or one that cuts it off or wastes a bit.
    const int middle = largest > 0.0F ? std::ilogb(largest) - 2 + 127 : 0;
    double least = -1.0;
    for (int e = middle - 1; e <= middle + 1; ++e) {
      const auto bits = static_cast<uint8_t>(std::clamp(e, 0, 254));
      const float scale = half_of_e8m0(bits);
      const double error = squared_error(x, kSmallBlock, kLevels, scale, inverse_or_zero(scale));
      if (least >= 0.0 && error >= least) continue;
      least = error;
      blocks[b].e = bits;
    }
    pack_levels(x, kSmallBlock / 2, kLevels, inverse_or_zero(half_of_e8m0(blocks[b].e)), blocks[b].qs);
  }
}

void dequantize_nvfp4(const BlockNVFP4* blocks, float* out, int64_t n) noexcept {
  constexpr int kGroups = kNVFP4Block / kNVFP4Group;
  constexpr int kHalf = kNVFP4Group / 2;
  for (int64_t b = 0; b < n / kNVFP4Block; ++b) {
    for (int g = 0; g < kGroups; ++g) {
      out = write_levels(blocks[b].qs + kHalf * g, kHalf, kLevels, half_of_ue4m3(blocks[b].d[g]), out);
    }
  }
}

}  // namespace hearth::quant
