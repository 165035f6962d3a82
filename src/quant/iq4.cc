// IQ4_NL and IQ4_XS: four bits that name one of 16 levels.
#include "quant/families.h"
#include "quant/half.h"
#include "quant/levels.h"
#include "quant/scale_search.h"

namespace hearth::quant {
namespace {

// A part of the format (ggml-common.h, kvalues_iq4nl).
constexpr int8_t kLevels[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

}  // namespace

void dequantize_iq4_nl(const BlockIQ4_NL* blocks, float* out, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSmallBlock; ++b) {
    out = write_levels(blocks[b].qs, kSmallBlock / 2, kLevels, f16_to_f32(blocks[b].d), out);
  }
}

void quantize_iq4_nl(const float* x, BlockIQ4_NL* blocks, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSmallBlock; ++b, x += kSmallBlock) {
    float extreme = 0.0F;
    for (int i = 0; i < kSmallBlock; ++i) {
      if (std::fabs(x[i]) > std::fabs(extreme)) extreme = x[i];
    }
    // The largest weight on the outermost level, or a little beyond it or within.
    double least = -1.0;
    constexpr int kSteps = 9;
    for (int step = -kSteps; step <= kSteps; ++step) {
      const uint16_t d = scale_to_f16(extreme / (-127.0F + 3.0F * static_cast<float>(step)));
      const float scale = f16_to_f32(d);
      const double error = squared_error(x, kSmallBlock, kLevels, scale, inverse_or_zero(scale));
      if (least >= 0.0 && error >= least) continue;
      least = error;
      blocks[b].d = d;
    }
    pack_levels(x, kSmallBlock / 2, kLevels, inverse_or_zero(f16_to_f32(blocks[b].d)), blocks[b].qs);
  }
}

void dequantize_iq4_xs(const BlockIQ4_XS* blocks, float* out, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSuperBlock; ++b) {
    const BlockIQ4_XS& block = blocks[b];
    for (int g = 0; g < kSuperBlock / 32; ++g) {
      const int low = (block.scales_l[g / 2] >> (g % 2 * 4)) & 15;
      const int top = (block.scales_h >> (2 * g)) & 3;
      const float scale = f16_to_f32(block.d) * static_cast<float>((low | top << 4) - 32);
      out = write_levels(block.qs + 16 * g, 16, kLevels, scale, out);
    }
  }
}

}  // namespace hearth::quant
