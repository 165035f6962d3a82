#include "quant/quant.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "quant/blocks.h"
#include "quant/half.h"

namespace hearth::quant {
namespace {

using tensor::DType;

// Those that weights can be quantised to.
constexpr std::array kAllTypes{DType::kF32,  DType::kF16,  DType::kBF16, DType::kQ4_0,   DType::kQ4_1,
                               DType::kQ5_0, DType::kQ5_1, DType::kQ8_0, DType::kQ4_K,   DType::kQ5_K,
                               DType::kQ6_K, DType::kQ2_K, DType::kQ3_K, DType::kIQ4_NL, DType::kMXFP4};

std::vector<float> round_trip(DType dtype, const std::vector<float>& x) {
  const auto n = static_cast<int64_t>(x.size());
  std::vector<std::byte> blocks(*tensor::row_bytes(dtype, x.size()));
  std::vector<float> back(x.size());
  quantize_row(dtype, x.data(), blocks.data(), n);
  dequantize_row(dtype, blocks.data(), back.data(), n);
  return back;
}

double relative_error(const std::vector<float>& x, const std::vector<float>& y) {
  double error = 0.0;
  double power = 0.0;
  for (size_t i = 0; i < x.size(); ++i) {
    error += (x[i] - y[i]) * static_cast<double>(x[i] - y[i]);
    power += x[i] * static_cast<double>(x[i]);
  }
  return std::sqrt(error / power);
}

TEST(Quant, CanDequantizeAndQuantize_ExactlyTheTypesThatTheyName) {
  constexpr std::array kNoWeights{DType::kI8,  DType::kI16,  DType::kI32, DType::kI64,
                                  DType::kF64, DType::kQ8_1, DType::kQ8_K};
  for (const tensor::DTypeTraits& traits : tensor::all_dtypes()) {
    const bool no_weight = std::find(kNoWeights.begin(), kNoWeights.end(), traits.dtype) != kNoWeights.end();
    EXPECT_EQ(can_dequantize(traits.dtype), !no_weight) << traits.name;
    const bool both = std::find(kAllTypes.begin(), kAllTypes.end(), traits.dtype) != kAllTypes.end();
    EXPECT_EQ(can_quantize(traits.dtype), both) << traits.name;
  }
}

// The root mean square error that each width of normally distributed weights must reach: a uniform grid of b
// bits fitted to such a group has about 2^(1 - b) * (range / 2) / sqrt(12).
TEST(Quant, NormalWeights_RoundTripWithinTheErrorOfTheirWidth) {
  constexpr std::array<double, kAllTypes.size()> kBounds{
      0.0, 3e-4, 2.4e-3, 0.086, 0.075, 0.043, 0.037, 0.0055, 0.075, 0.037, 0.018, 0.29, 0.155, 0.082, 0.12};
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0.0F, 0.03F);
  std::vector<float> x(256 * 64);
  for (float& v : x) v = normal(random);
  for (size_t i = 0; i < kAllTypes.size(); ++i) {
    const double error = relative_error(x, round_trip(kAllTypes[i], x));
    EXPECT_LE(error, kBounds[i]) << tensor::dtype_name(kAllTypes[i]);
  }
}

TEST(Quant, ZerosAndTinyAndHugeValues_StayFinite) {
  for (const DType dtype : kAllTypes) {
    for (const float v : {0.0F, 1e-40F, 1e-12F, -1e-38F, 1e6F, -3e9F, 1e30F}) {
      if (dtype == DType::kF16 && std::fabs(v) > 65504.0F) continue;  // infinity, as it should be
      std::vector<float> x(256, v);
      for (size_t i = 0; i < x.size(); i += 3) x[i] = -v / 2;
      for (const float y : round_trip(dtype, x))
        EXPECT_TRUE(std::isfinite(y)) << tensor::dtype_name(dtype) << v;
    }
    for (const float y : round_trip(dtype, std::vector<float>(256, 0.0F))) EXPECT_EQ(y, 0.0F);
  }
}

// A row's blocks do not depend on each other, nor on where in a tensor they stand: what lets rows be
// quantised by as many threads as there are.
TEST(Quant, EveryBlock_IsRoundedByItself) {
  std::mt19937 random(11);
  std::normal_distribution<float> normal(0.0F, 1.0F);
  std::vector<float> x(512);
  for (float& v : x) v = normal(random);
  for (size_t i = 256; i < 512; ++i) x[i] *= 1e-3F;
  for (const DType dtype : kAllTypes) {
    const std::vector<float> both = round_trip(dtype, x);
    const std::vector<float> second = round_trip(dtype, {x.begin() + 256, x.end()});
    EXPECT_TRUE(std::equal(second.begin(), second.end(), both.begin() + 256)) << tensor::dtype_name(dtype);
  }
}

// Weights that stand on a type's levels come back as they were: the search finds the scale that they were
// made with.
TEST(Quant, WeightsOnTheLevels_AreNotMoved) {
  std::mt19937 random(5);
  for (const DType dtype :
       {DType::kQ2_K, DType::kQ3_K, DType::kQ4_0, DType::kQ4_K, DType::kQ5_0, DType::kQ6_K}) {
    const unsigned n_levels = dtype == DType::kQ2_K   ? 4
                              : dtype == DType::kQ3_K ? 8
                              : dtype == DType::kQ5_0 ? 32
                              : dtype == DType::kQ6_K ? 64
                                                      : 16;
    const auto lowest = -static_cast<float>(n_levels) / 2;
    std::vector<float> x(256);
    for (float& v : x) v = (static_cast<float>(random() % n_levels) + lowest) * 0.25F;
    // Each group has both ends of the levels, and so the same scale.
    for (size_t i = 0; i < x.size(); i += 16) x[i] = lowest * 0.25F;
    for (size_t i = 1; i < x.size(); i += 16) x[i] = (-lowest - 1) * 0.25F;
    EXPECT_LT(relative_error(x, round_trip(dtype, x)), 2e-3) << tensor::dtype_name(dtype);
  }
}

TEST(Quant, Q4_0Block_ReadsAsItsLayoutSays) {
  BlockQ4_0 block{f32_to_f16(0.5F), {}};
  block.qs[3] = 0x1F;  // element 3: 15, element 19: 1
  std::array<float, 32> out{};
  dequantize_row(DType::kQ4_0, &block, out.data(), 32);
  EXPECT_EQ(out[3], 3.5F);
  EXPECT_EQ(out[19], -3.5F);
  EXPECT_EQ(out[0], -4.0F);
}

TEST(Quant, Q5_KBlock_ReadsAsItsLayoutSays) {
  BlockQ5_K block{};
  block.d = f32_to_f16(2.0F);
  block.dmin = f32_to_f16(1.0F);
  block.scales[1] = 0xC0 | 5;  // group 1: scale 5; top bits of group 5's scale: 3
  block.scales[5] = 0x40 | 7;  // group 1: min 7; top bits of group 5's min: 1
  block.scales[9] = 0x92;      // group 5: scale 3 * 16 + 2, min 16 + 9
  block.qs[4] = 0xA0;          // group 1, element 4: low bits 10
  block.qh[4] = 0x02;          // and its fifth bit
  block.qs[64 + 6] = 0x30;     // group 5, element 6: 3
  std::array<float, 256> out{};
  dequantize_row(DType::kQ5_K, &block, out.data(), 256);
  EXPECT_EQ(out[32 + 4], 2.0F * 5.0F * 26.0F - 7.0F);
  EXPECT_EQ(out[160 + 6], 2.0F * 50.0F * 3.0F - 25.0F);
  EXPECT_EQ(out[160 + 7], -25.0F);
  EXPECT_EQ(out[0], 0.0F);
}

TEST(Quant, Q6_KBlock_ReadsAsItsLayoutSays) {
  BlockQ6_K block{};
  block.d = f32_to_f16(1.0F);
  for (int8_t& scale : block.scales) scale = 1;
  block.scales[15] = -2;
  block.ql[64 + 32 + 20] = 0x70;  // second half, chunk 3, element 20: low bits 7
  block.qh[32 + 20] = 0xC0;       // its top bits 3
  std::array<float, 256> out{};
  dequantize_row(DType::kQ6_K, &block, out.data(), 256);
  EXPECT_EQ(out[128 + 96 + 20], -2.0F * (55.0F - 32.0F));
  EXPECT_EQ(out[0], -32.0F);
}

}  // namespace
}  // namespace hearth::quant
