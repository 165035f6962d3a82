// Q2_K to Q6_K, blocks of 256 whose groups have small integer scales of their own: how they are read.
#include <array>
#include <cstddef>

#include "quant/families.h"
#include "quant/half.h"

namespace hearth::quant {
namespace {

constexpr int kGroup = 32;                     // elements of a Q4_K or Q5_K group
constexpr int kGroups = kSuperBlock / kGroup;  // 8
constexpr int kGroup6 = 16;                    // elements of a Q2_K, Q3_K or Q6_K group
constexpr int kGroups6 = kSuperBlock / kGroup6;

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

}  // namespace hearth::quant
