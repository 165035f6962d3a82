// Q2_K to Q6_K: blocks of 256 whose groups have small integer scales of their own.
#include <algorithm>
#include <array>
#include <cmath>

#include "quant/families.h"
#include "quant/half.h"
#include "quant/scale_search.h"

namespace hearth::quant {
namespace {

constexpr int kGroup = 32;                     // elements of a Q4_K or Q5_K group
constexpr int kGroups = kSuperBlock / kGroup;  // 8
constexpr int kGroup6 = 16;                    // elements of a Q2_K, Q3_K or Q6_K group
constexpr int kGroups6 = kSuperBlock / kGroup6;
constexpr int kMaxGroupScale = 63;  // six bits

struct GroupScales {
  std::array<uint8_t, kGroups> scale;
  std::array<uint8_t, kGroups> min;
};

GroupScales unpack_scales(const uint8_t (&packed)[12]) noexcept {
  GroupScales s{};
  for (size_t g = 0; g < 4; ++g) {
    s.scale[g] = packed[g] & 63;
    s.min[g] = packed[g + 4] & 63;
    s.scale[g + 4] = static_cast<uint8_t>((packed[g + 8] & 15) | ((packed[g] >> 6) << 4));
    s.min[g + 4] = static_cast<uint8_t>((packed[g + 8] >> 4) | ((packed[g + 4] >> 6) << 4));
  }
  return s;
}

void pack_scales(const GroupScales& s, uint8_t (&packed)[12]) noexcept {
  for (size_t g = 0; g < 4; ++g) {
    packed[g] = static_cast<uint8_t>(s.scale[g] | ((s.scale[g + 4] >> 4) << 6));
    packed[g + 4] = static_cast<uint8_t>(s.min[g] | ((s.min[g + 4] >> 4) << 6));
    packed[g + 8] = static_cast<uint8_t>((s.scale[g + 4] & 15) | ((s.min[g + 4] & 15) << 4));
  }
}

// The scales of a Q4_K or Q5_K block and its elements in 0 .. high, in order.
struct AffineBlock {
  uint16_t d;
  uint16_t dmin;
  GroupScales scales;
  std::array<uint8_t, kSuperBlock> q;
};

AffineBlock quantize_affine(const float* x, int high) noexcept {
  AffineBlock block{};
  std::array<AffineFit, kGroups> fits;
  float max_scale = 0.0F;
  float max_min = 0.0F;
  for (size_t g = 0; g < kGroups; ++g) {
    fits[g] = search_affine({x + g * kGroup, kGroup}, high);
    max_scale = std::max(max_scale, fits[g].scale);
    max_min = std::max(max_min, fits[g].min);
  }
  block.d = scale_to_f16(max_scale / kMaxGroupScale);
  block.dmin = scale_to_f16(max_min / kMaxGroupScale);
  const float d = f16_to_f32(block.d);
  const float dmin = f16_to_f32(block.dmin);
  for (size_t g = 0; g < kGroups; ++g) {
    const int scale = round_to_level(fits[g].scale, inverse_or_zero(d), 0, kMaxGroupScale);
    const int min = round_to_level(fits[g].min, inverse_or_zero(dmin), 0, kMaxGroupScale);
    block.scales.scale[g] = static_cast<uint8_t>(scale);
    block.scales.min[g] = static_cast<uint8_t>(min);
    // The elements are rounded against what the block can express, not against the search's result.
    const float inverse = inverse_or_zero(d * static_cast<float>(scale));
    const float offset = dmin * static_cast<float>(min);
    for (size_t i = g * kGroup; i < (g + 1) * kGroup; ++i) {
      block.q[i] = static_cast<uint8_t>(round_to_level(x[i] + offset, inverse, 0, high));
    }
  }
  return block;
}

// The two low bits of an element of Q2_K or Q3_K.
int low_two_bits(const uint8_t (&qs)[64], int i) noexcept {
  return (qs[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2)) & 3;
}

int unpack_q3_k_scale(const uint8_t (&packed)[12], int group) noexcept {
  const int low = (packed[group % 8] >> (group / 8 * 4)) & 15;
  const int top = (packed[8 + group % 4] >> (group / 4 * 2)) & 3;
  return (low | (top << 4)) - 32;
}

}  // namespace

void dequantize_q2_k(const BlockQ2_K* blocks, float* out, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSuperBlock; ++b) {
    const BlockQ2_K& block = blocks[b];
    const float d = f16_to_f32(block.d);
    const float dmin = f16_to_f32(block.dmin);
    for (int g = 0; g < kGroups6; ++g) {
      const float scale = d * static_cast<float>(block.scales[g] & 15);
      const float min = dmin * static_cast<float>(block.scales[g] >> 4);
      for (int i = g * kGroup6; i < (g + 1) * kGroup6; ++i) {
        *out++ = scale * static_cast<float>(low_two_bits(block.qs, i)) - min;
      }
    }
  }
}

void dequantize_q3_k(const BlockQ3_K* blocks, float* out, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSuperBlock; ++b) {
    const BlockQ3_K& block = blocks[b];
    const float d = f16_to_f32(block.d);
    for (int g = 0; g < kGroups6; ++g) {
      const float scale = d * static_cast<float>(unpack_q3_k_scale(block.scales, g));
      for (int i = g * kGroup6; i < (g + 1) * kGroup6; ++i) {
        const int third = (block.hmask[i % 32] >> (i / 32)) & 1;
        *out++ = scale * static_cast<float>((low_two_bits(block.qs, i) | (third << 2)) - 4);
      }
    }
  }
}

void dequantize_q4_k(const BlockQ4_K* blocks, float* out, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSuperBlock; ++b) {
    const BlockQ4_K& block = blocks[b];
    const GroupScales s = unpack_scales(block.scales);
    for (size_t g = 0; g < kGroups; ++g) {
      const float scale = f16_to_f32(block.d) * static_cast<float>(s.scale[g]);
      const float min = f16_to_f32(block.dmin) * static_cast<float>(s.min[g]);
      const uint8_t* qs = block.qs + g / 2 * kGroup;
      for (int i = 0; i < kGroup; ++i) {
        *out++ = scale * static_cast<float>((qs[i] >> (g % 2 * 4)) & 15) - min;
      }
    }
  }
}

void quantize_q4_k(const float* x, BlockQ4_K* blocks, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSuperBlock; ++b) {
    const AffineBlock from = quantize_affine(x + b * kSuperBlock, 15);
    BlockQ4_K& to = blocks[b];
    to.d = from.d;
    to.dmin = from.dmin;
    pack_scales(from.scales, to.scales);
    for (size_t pair = 0; pair < kGroups / 2; ++pair) {
      const uint8_t* q = from.q.data() + pair * 2 * kGroup;
      for (size_t i = 0; i < kGroup; ++i) {
        to.qs[pair * kGroup + i] = static_cast<uint8_t>(q[i] | (q[i + kGroup] << 4));
      }
    }
  }
}

void dequantize_q5_k(const BlockQ5_K* blocks, float* out, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSuperBlock; ++b) {
    const BlockQ5_K& block = blocks[b];
    const GroupScales s = unpack_scales(block.scales);
    for (size_t g = 0; g < kGroups; ++g) {
      const float scale = f16_to_f32(block.d) * static_cast<float>(s.scale[g]);
      const float min = f16_to_f32(block.dmin) * static_cast<float>(s.min[g]);
      const uint8_t* qs = block.qs + g / 2 * kGroup;
      for (int i = 0; i < kGroup; ++i) {
        const int q = ((qs[i] >> (g % 2 * 4)) & 15) | (((block.qh[i] >> g) & 1) << 4);
        *out++ = scale * static_cast<float>(q) - min;
      }
    }
  }
}

void quantize_q5_k(const float* x, BlockQ5_K* blocks, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSuperBlock; ++b) {
    const AffineBlock from = quantize_affine(x + b * kSuperBlock, 31);
    BlockQ5_K& to = blocks[b];
    to = {};
    to.d = from.d;
    to.dmin = from.dmin;
    pack_scales(from.scales, to.scales);
    for (size_t g = 0; g < kGroups; ++g) {
      for (size_t i = 0; i < kGroup; ++i) {
        const unsigned q = from.q[g * kGroup + i];
        to.qs[g / 2 * kGroup + i] |= static_cast<uint8_t>((q & 15U) << (g % 2 * 4));
        to.qh[i] |= static_cast<uint8_t>((q >> 4) << g);
      }
    }
  }
}

void dequantize_q6_k(const BlockQ6_K* blocks, float* out, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSuperBlock; ++b) {
    const BlockQ6_K& block = blocks[b];
    for (int i = 0; i < kSuperBlock; ++i) {
      const int half = i / 128;
      const int chunk = i % 128 / 32;
      const int low = (block.ql[half * 64 + chunk % 2 * 32 + i % 32] >> (chunk / 2 * 4)) & 15;
      const int top = (block.qh[half * 32 + i % 32] >> (chunk * 2)) & 3;
      const int group = i / kGroup6;
      const float scale = f16_to_f32(block.d) * static_cast<float>(block.scales[group]);
      *out++ = scale * static_cast<float>((low | (top << 4)) - 32);
    }
  }
}

void quantize_q6_k(const float* x, BlockQ6_K* blocks, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSuperBlock; ++b, x += kSuperBlock) {
    BlockQ6_K& block = blocks[b];
    block = {};
    std::array<float, kGroups6> scales;
    float extreme = 0.0F;
    for (size_t g = 0; g < kGroups6; ++g) {
      scales[g] = search_scale({x + g * kGroup6, kGroup6}, -32, 31);
      if (std::fabs(scales[g]) > std::fabs(extreme)) extreme = scales[g];
    }
    block.d = scale_to_f16(extreme / -128.0F);
    const float d = f16_to_f32(block.d);
    for (size_t g = 0; g < kGroups6; ++g) {
      block.scales[g] = static_cast<int8_t>(round_to_level(scales[g], inverse_or_zero(d), -128, 127));
    }
    for (int i = 0; i < kSuperBlock; ++i) {
      const int group = i / kGroup6;
      const float inverse = inverse_or_zero(d * static_cast<float>(block.scales[group]));
      const auto q = static_cast<unsigned>(round_to_level(x[i], inverse, -32, 31) + 32);
      const int half = i / 128;
      const int chunk = i % 128 / 32;
      block.ql[half * 64 + chunk % 2 * 32 + i % 32] |= static_cast<uint8_t>((q & 15U) << (chunk / 2 * 4));
      block.qh[half * 32 + i % 32] |= static_cast<uint8_t>((q >> 4) << (chunk * 2));
    }
  }
}

}  // namespace hearth::quant
