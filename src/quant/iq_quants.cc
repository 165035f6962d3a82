// IQ1, IQ2 and IQ3: blocks of 256 whose small vectors of weights come from codebooks.
#include <bit>

#include "quant/families.h"
#include "quant/half.h"
#include "quant/iq_tables.h"

namespace hearth::quant {
namespace {

constexpr int kGroups = kSuperBlock / 32;

constexpr uint8_t kIQ2Levels[4] = {8, 25, 43, 0};  // two bits; no codebook uses the fourth
constexpr uint8_t kIQ3_XXSLevels[8] = {4, 12, 20, 28, 36, 44, 52, 62};
constexpr float kIQ1Delta = 0.125F;

uint32_t read_u32(const uint8_t* bytes) noexcept {
  return bytes[0] | uint32_t{bytes[1]} << 8 | uint32_t{bytes[2]} << 16 | uint32_t{bytes[3]} << 24;
}

// The eight signs that a sign index stands for: their number is even.
uint32_t signs_of_index(uint32_t index) noexcept {
  return index | (static_cast<uint32_t>(std::popcount(index)) & 1U) << 7;
}

float with_sign(float magnitude, uint32_t signs, int i) noexcept {
  return (signs >> i & 1U) != 0 ? -magnitude : magnitude;
}

// Eight elements of an IQ2 codebook entry.
float* write_iq2(uint32_t entry, uint32_t signs, float scale, float* out) noexcept {
  for (int i = 0; i < 8; ++i) {
    *out++ = with_sign(scale * static_cast<float>(kIQ2Levels[entry >> (2 * i) & 3U]), signs, i);
  }
  return out;
}

float iq2_scale(float d, unsigned scale) noexcept {
  return d * (0.5F + static_cast<float>(scale)) * 0.25F;
}

// Eight elements of an IQ1 codebook entry.
float* write_iq1(uint32_t entry, float delta, float scale, float* out) noexcept {
  for (int i = 0; i < 8; ++i) {
    const int level = static_cast<int>(entry >> (2 * i) & 3U) - 1;
    *out++ = scale * (static_cast<float>(level) + delta);
  }
  return out;
}

float iq1_scale(float d, unsigned scale) noexcept {
  return d * static_cast<float>(2 * scale + 1);
}

}  // namespace

void dequantize_iq2_xxs(const BlockIQ2_XXS* blocks, float* out, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSuperBlock; ++b) {
    const BlockIQ2_XXS& block = blocks[b];
    for (int g = 0; g < kGroups; ++g) {
      const uint16_t* qs = block.qs + 4 * g;
      const uint32_t signs_and_scale = qs[2] | uint32_t{qs[3]} << 16;
      const float scale = iq2_scale(f16_to_f32(block.d), signs_and_scale >> 28);
      for (int l = 0; l < 4; ++l) {
        const unsigned index = (qs[l / 2] >> (l % 2 * 8)) & 255U;
        out = write_iq2(kIQ2_XXSGrid[index], signs_of_index(signs_and_scale >> (7 * l) & 127U), scale, out);
      }
    }
  }
}

void dequantize_iq2_xs(const BlockIQ2_XS* blocks, float* out, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSuperBlock; ++b) {
    const BlockIQ2_XS& block = blocks[b];
    for (int i = 0; i < 4 * kGroups; ++i) {
      const unsigned scale = (block.scales[i / 4] >> (i % 4 / 2 * 4)) & 15U;
      const unsigned q = block.qs[i];
      out = write_iq2(kIQ2_XSGrid[q & 511U], signs_of_index(q >> 9), iq2_scale(f16_to_f32(block.d), scale),
                      out);
    }
  }
}

void dequantize_iq2_s(const BlockIQ2_S* blocks, float* out, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSuperBlock; ++b) {
    const BlockIQ2_S& block = blocks[b];
    for (int i = 0; i < 4 * kGroups; ++i) {
      const unsigned scale = (block.scales[i / 4] >> (i % 4 / 2 * 4)) & 15U;
      const unsigned index = block.qs[i] | (block.qh[i / 4] >> (i % 4 * 2) & 3U) << 8;
      out = write_iq2(kIQ2_SGrid[index], block.signs[i], iq2_scale(f16_to_f32(block.d), scale), out);
    }
  }
}

void dequantize_iq3_xxs(const BlockIQ3_XXS* blocks, float* out, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSuperBlock; ++b) {
    const BlockIQ3_XXS& block = blocks[b];
    for (int g = 0; g < kGroups; ++g) {
      const uint32_t signs_and_scale = read_u32(block.signs_and_scales + 4 * g);
      const float scale = f16_to_f32(block.d) * (0.5F + static_cast<float>(signs_and_scale >> 28)) * 0.5F;
      for (int i = 0; i < 32; ++i) {
        const uint32_t signs = signs_of_index(signs_and_scale >> (i / 8 * 7) & 127U);
        const unsigned level = kIQ3_XXSGrid[block.qs[8 * g + i / 4]] >> (i % 4 * 3) & 7U;
        *out++ = with_sign(scale * static_cast<float>(kIQ3_XXSLevels[level]), signs, i % 8);
      }
    }
  }
}

void dequantize_iq3_s(const BlockIQ3_S* blocks, float* out, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSuperBlock; ++b) {
    const BlockIQ3_S& block = blocks[b];
    for (int g = 0; g < kGroups; ++g) {
      const int packed_scale = (block.scales[g / 2] >> (g % 2 * 4)) & 15;
      const float scale = f16_to_f32(block.d) * static_cast<float>(1 + 2 * packed_scale);
      for (int i = 0; i < 32; ++i) {
        const unsigned index = block.qs[8 * g + i / 4] | (block.qh[g] >> (i / 4) & 1U) << 8;
        const unsigned level = kIQ3_SGrid[index] >> (i % 4 * 3) & 7U;
        *out++ = with_sign(scale * static_cast<float>(2 * level + 1), block.signs[4 * g + i / 8], i % 8);
      }
    }
  }
}

void dequantize_iq1_s(const BlockIQ1_S* blocks, float* out, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSuperBlock; ++b) {
    const BlockIQ1_S& block = blocks[b];
    for (int g = 0; g < kGroups; ++g) {
      const unsigned qh = block.qh[g];
      const float scale = iq1_scale(f16_to_f32(block.d), qh >> 12 & 7U);
      const float delta = (qh & 0x8000U) != 0 ? -kIQ1Delta : kIQ1Delta;
      for (int l = 0; l < 4; ++l) {
        const unsigned index = block.qs[4 * g + l] | (qh >> (3 * l) & 7U) << 8;
        out = write_iq1(kIQ1_SGrid[index], delta, scale, out);
      }
    }
  }
}

void dequantize_iq1_m(const BlockIQ1_M* blocks, float* out, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSuperBlock; ++b) {
    const BlockIQ1_M& block = blocks[b];
    unsigned scales[4];
    unsigned d_bits = 0;
    for (int i = 0; i < 4; ++i) {
      scales[i] = block.scales[2 * i] | unsigned{block.scales[2 * i + 1]} << 8;
      d_bits |= scales[i] >> 12 << (4 * i);
    }
    const float d = f16_to_f32(static_cast<uint16_t>(d_bits));
    for (int i = 0; i < 4 * kGroups; ++i) {
      const int sixteenth = i / 2;
      const float scale = iq1_scale(d, scales[sixteenth / 4] >> (sixteenth % 4 * 3) & 7U);
      const unsigned qh = block.qh[i / 2] >> (i % 2 * 4) & 15U;
      const unsigned index = block.qs[i] | (qh & 7U) << 8;
      out = write_iq1(kIQ1_SGrid[index], (qh & 8U) != 0 ? -kIQ1Delta : kIQ1Delta, scale, out);
    }
  }
}

}  // namespace hearth::quant
