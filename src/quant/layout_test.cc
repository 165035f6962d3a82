// Blocks of the types that are only read, or read in more ways than one: single elements by what the layout
// says (quant/blocks.h), and whole blocks of random bits against float64 formulas written out from the
// format's descriptions.
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <random>
#include <vector>

#include "quant/blocks.h"
#include "quant/half.h"
#include "quant/iq_tables.h"
#include "quant/quant.h"

namespace hearth::quant {
namespace {

using tensor::DType;

template <typename Block>
std::vector<float> read(DType dtype, const Block& block) {
  std::vector<float> out(tensor::dtype_traits(dtype).block_elements);
  EXPECT_EQ(sizeof(Block), tensor::dtype_traits(dtype).block_bytes);
  dequantize_row(dtype, &block, out.data(), static_cast<int64_t>(out.size()));
  return out;
}

uint16_t f16(float x) {
  return f32_to_f16(x);
}

TEST(Layout, Q4_1) {
  BlockQ4_1 block{f16(0.5F), f16(-3.0F), {}};
  block.qs[5] = 0x2F;  // element 5: 15, element 21: 2
  const auto out = read(DType::kQ4_1, block);
  EXPECT_EQ(out[5], 4.5F);
  EXPECT_EQ(out[21], -2.0F);
  EXPECT_EQ(out[0], -3.0F);
}

TEST(Layout, Q5_0AndQ5_1) {
  BlockQ5_0 block{f16(2.0F), {}, {}};
  block.qs[1] = 0x43;
  block.qh[0] = 0x02;  // fifth bit of element 1
  block.qh[2] = 0x02;  // and of element 17
  auto out = read(DType::kQ5_0, block);
  EXPECT_EQ(out[1], 2.0F * (19 - 16));
  EXPECT_EQ(out[17], 2.0F * (20 - 16));
  EXPECT_EQ(out[0], -32.0F);
  BlockQ5_1 with_offset{f16(2.0F), f16(1.0F), {}, {}};
  std::memcpy(with_offset.qh, block.qh, sizeof(block.qh));
  std::memcpy(with_offset.qs, block.qs, sizeof(block.qs));
  out = read(DType::kQ5_1, with_offset);
  EXPECT_EQ(out[1], 39.0F);
  EXPECT_EQ(out[17], 41.0F);
  EXPECT_EQ(out[2], 1.0F);
}

TEST(Layout, Q2_K) {
  BlockQ2_K block{};
  block.d = f16(1.0F);
  block.dmin = f16(0.5F);
  block.scales[8 + 5] = 0x73;  // second half, elements 80 .. 95: scale 3, min 7
  block.qs[32 + 17] = 0x20;    // its element 64 + 17: bits 4, 5
  const auto out = read(DType::kQ2_K, block);
  EXPECT_EQ(out[128 + 81], 3.0F * 2.0F - 3.5F);
  EXPECT_EQ(out[128 + 82], -3.5F);
  EXPECT_EQ(out[0], 0.0F);
}

TEST(Layout, Q3_K) {
  BlockQ3_K block{};
  block.d = f16(1.0F);
  block.scales[13 % 8] = 0x50;          // low four bits of scale 13: 5
  block.scales[8 + 13 % 4] = 0x3 << 6;  // its top two: 3
  block.qs[32 + 17] = 0x20;             // second half, chunk 2, element 17: low bits 2
  block.hmask[17] = 1 << 6;             // and its third bit
  const auto out = read(DType::kQ3_K, block);
  EXPECT_EQ(out[128 + 64 + 17], (53.0F - 32.0F) * (6.0F - 4.0F));
  EXPECT_EQ(out[128 + 64 + 18], (53.0F - 32.0F) * -4.0F);
  EXPECT_EQ(out[0], -32.0F * -4.0F);
}

TEST(Layout, IQ4_NLAndIQ4_XS) {
  BlockIQ4_NL block{f16(2.0F), {}};
  block.qs[3] = 0x9F;
  auto out = read(DType::kIQ4_NL, block);
  EXPECT_EQ(out[3], 226.0F);
  EXPECT_EQ(out[19], 26.0F);
  EXPECT_EQ(out[0], -254.0F);
  BlockIQ4_XS wide{};
  wide.d = f16(1.0F);
  wide.scales_l[2] = 0x70;    // group 5: low bits 7
  wide.scales_h = 0x2 << 10;  // top bits 2
  wide.qs[5 * 16 + 3] = 0x9F;
  out = read(DType::kIQ4_XS, wide);
  EXPECT_EQ(out[160 + 3], (39.0F - 32.0F) * 113.0F);
  EXPECT_EQ(out[160 + 19], (39.0F - 32.0F) * 13.0F);
}

TEST(Layout, TernaryBytes_HoldFiveDigitsToBase3) {
  BlockTQ1_0 block{};
  block.d = f16(1.0F);
  // Digits 2 1 0 2 1 of byte 3, as the smallest byte whose fraction of 256 reaches them.
  const int number = 2 * 81 + 1 * 27 + 0 * 9 + 2 * 3 + 1;
  block.qs[3] = static_cast<uint8_t>((number * 256 + 242) / 243);
  block.qs[32 + 3] = block.qs[3];
  block.qh[3] = static_cast<uint8_t>((number / 3 * 3 * 256 + 242) / 243);
  const auto out = read(DType::kTQ1_0, block);
  const std::array<float, 5> expected{1, 0, -1, 1, 0};
  for (size_t n = 0; n < 5; ++n) {
    EXPECT_EQ(out[32 * n + 3], expected[n]);
    EXPECT_EQ(out[160 + 16 * n + 3], expected[n]);
    if (n < 4) {
      EXPECT_EQ(out[240 + 4 * n + 3], expected[n]);
    }
  }
  BlockTQ2_0 plain{};
  plain.d = f16(1.5F);
  plain.qs[32 + 7] = 2 << 4;
  const auto plain_out = read(DType::kTQ2_0, plain);
  EXPECT_EQ(plain_out[128 + 64 + 7], 1.5F);
  EXPECT_EQ(plain_out[0], -1.5F);
}

TEST(Layout, MXFP4) {
  BlockMXFP4 block{130, {}};
  block.qs[2] = 0xF5;  // element 2: 3, element 18: -6; scale 8
  const auto out = read(DType::kMXFP4, block);
  EXPECT_EQ(out[2], 24.0F);
  EXPECT_EQ(out[18], -48.0F);
  block.e = 0;
  EXPECT_EQ(read(DType::kMXFP4, block)[2], std::ldexp(3.0F, -127));
}

TEST(Layout, IQ1_SAndIQ1_M) {
  BlockIQ1_S block{};
  block.d = f16(2.0F);
  block.qs[4 * 3 + 1] = 0x21;                   // group 3, second eight
  block.qh[3] = 0x8000 | (5 << 12) | (6 << 3);  // delta -1/8, scale 5, index bits 6
  auto out = read(DType::kIQ1_S, block);
  const unsigned entry = kIQ1_SGrid[0x621];
  for (size_t i = 0; i < 8; ++i) {
    const float level = static_cast<float>(entry >> (2 * i) & 3) - 1.0F;
    EXPECT_EQ(out[96 + 8 + i], 22.0F * (level - 0.125F));
  }
  BlockIQ1_M spread{};
  const uint16_t d = f16(2.0F);
  const unsigned words[4] = {(d & 15U) << 12, (d >> 4 & 15U) << 12 | 5U << 6, (d >> 8 & 15U) << 12,
                             static_cast<unsigned>(d >> 12) << 12};
  for (size_t i = 0; i < 4; ++i) {
    spread.scales[2 * i] = static_cast<uint8_t>(words[i] & 255);
    spread.scales[2 * i + 1] = static_cast<uint8_t>(words[i] >> 8);
  }
  spread.qs[4 * 3 + 1] = 0x21;  // elements 104 .. 111: scale 6 of 16, the third of word 1
  spread.qh[2 * 3] = 0xE0;      // index bits 6, delta -1/8, of the second eight
  out = read(DType::kIQ1_M, spread);
  for (size_t i = 0; i < 8; ++i) {
    const float level = static_cast<float>(entry >> (2 * i) & 3) - 1.0F;
    EXPECT_EQ(out[96 + 8 + i], 22.0F * (level - 0.125F));
  }
}

double half(uint16_t bits) {
  return static_cast<double>(f16_to_f32(bits));
}
double ksign(unsigned index, size_t i) {
  const unsigned eighth = static_cast<unsigned>(std::popcount(index)) % 2;
  return ((index | eighth << 7) >> i & 1) != 0 ? -1.0 : 1.0;
}
constexpr double kIQ2[4] = {8, 25, 43, 0};
constexpr double kE2M1[8] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};

// Element i of a block of random bits, in float64 and from the block's bytes alone.
struct Formula {
  DType dtype;
  std::function<double(const std::vector<uint8_t>&, size_t)> value;
};

uint16_t word(const std::vector<uint8_t>& b, size_t at) {
  return static_cast<uint16_t>(b[at] | b[at + 1] << 8);
}

const Formula kFormulas[] = {
    {DType::kQ1_0,
     [](const auto& b, size_t i) {
       return half(word(b, 0)) * ((b[2 + i / 8] >> i % 8 & 1) != 0 ? 1.0 : -1.0);
     }},
    {DType::kQ2_0,
     [](const auto& b, size_t i) { return half(word(b, 0)) * ((b[2 + i / 4] >> 2 * (i % 4) & 3) - 1.0); }},
    {DType::kNVFP4,
     [](const auto& b, size_t i) {
       const int scale = b[i / 16] & 127;
       const double d = scale == 127        ? 0.0
                        : (scale >> 3) == 0 ? (scale & 7) / 512.0
                                            : (1.0 + (scale & 7) / 8.0) * std::exp2((scale >> 3) - 7);
       const int q = b[4 + i / 16 * 8 + i % 8] >> (i % 16 / 8 * 4) & 15;
       return d * (q >= 8 ? -1.0 : 1.0) * kE2M1[q & 7];
     }},
    {DType::kIQ2_XXS,
     [](const auto& b, size_t i) {
       const size_t at = 2 + i / 32 * 8;
       const unsigned tail = word(b, at + 4) | static_cast<unsigned>(word(b, at + 6)) << 16;
       const unsigned entry = kIQ2_XXSGrid[b[at + i % 32 / 8]];
       return half(word(b, 0)) * ((tail >> 28) + 0.5) / 4 * kIQ2[entry >> 2 * (i % 8) & 3] *
              ksign(tail >> 7 * (i % 32 / 8) & 127, i % 8);
     }},
    {DType::kIQ2_XS,
     [](const auto& b, size_t i) {
       const unsigned q = word(b, 2 + i / 8 * 2);
       const int scale = b[66 + i / 32] >> (i % 32 / 16 * 4) & 15;
       return half(word(b, 0)) * (scale + 0.5) / 4 * kIQ2[kIQ2_XSGrid[q & 511] >> 2 * (i % 8) & 3] *
              ksign(q >> 9, i % 8);
     }},
    {DType::kIQ2_S,
     [](const auto& b, size_t i) {
       const int scale = b[74 + i / 32] >> (i % 32 / 16 * 4) & 15;
       const int index = b[2 + i / 8] + 256 * (b[66 + i / 32] >> 2 * (i % 32 / 8) & 3);
       const double sign = (b[34 + i / 8] >> i % 8 & 1) != 0 ? -1.0 : 1.0;
       return half(word(b, 0)) * (scale + 0.5) / 4 * kIQ2[kIQ2_SGrid[index] >> 2 * (i % 8) & 3] * sign;
     }},
    {DType::kIQ3_XXS,
     [](const auto& b, size_t i) {
       constexpr double kLevels[8] = {4, 12, 20, 28, 36, 44, 52, 62};
       const size_t at = 66 + i / 32 * 4;
       const unsigned tail = word(b, at) | static_cast<unsigned>(word(b, at + 2)) << 16;
       return half(word(b, 0)) * ((tail >> 28) + 0.5) / 2 *
              kLevels[kIQ3_XXSGrid[b[2 + i / 4]] >> 3 * (i % 4) & 7] *
              ksign(tail >> 7 * (i % 32 / 8) & 127, i % 8);
     }},
    {DType::kIQ3_S,
     [](const auto& b, size_t i) {
       const int scale = b[106 + i / 64] >> (i % 64 / 32 * 4) & 15;
       const int index = b[2 + i / 4] + 256 * (b[66 + i / 32] >> (i % 32 / 4) & 1);
       const double sign = (b[74 + i / 8] >> i % 8 & 1) != 0 ? -1.0 : 1.0;
       return half(word(b, 0)) * (2 * scale + 1) * (2 * (kIQ3_SGrid[index] >> 3 * (i % 4) & 7) + 1) * sign;
     }},
};

TEST(Layout, BlocksOfRandomBits_HaveTheValuesOfTheirFormulas) {
  std::mt19937 random(17);
  for (const Formula& formula : kFormulas) {
    const tensor::DTypeTraits& traits = tensor::dtype_traits(formula.dtype);
    for (int round = 0; round < 200; ++round) {
      std::vector<uint8_t> block(traits.block_bytes);
      for (uint8_t& byte : block) byte = static_cast<uint8_t>(random());
      // A finite scale. NVFP4 has others: its eighth bits are cleared, since no writer sets them.
      if (formula.dtype == DType::kNVFP4) {
        for (size_t g = 0; g < 4; ++g) block[g] &= 127;
      } else {
        block[1] = static_cast<uint8_t>((block[1] & 0x83) | 0x30);
      }
      std::vector<float> out(traits.block_elements);
      dequantize_row(formula.dtype, block.data(), out.data(), traits.block_elements);
      for (size_t i = 0; i < out.size(); ++i) {
        const double expected = formula.value(block, i);
        ASSERT_NEAR(static_cast<double>(out[i]), expected, std::fabs(expected) * 1e-6)
            << traits.name << " element " << i;
      }
    }
  }
}

}  // namespace
}  // namespace hearth::quant
