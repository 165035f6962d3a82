#include "quant/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace hearth::quant {
namespace {

// Independent of the code under test: value by the definition of the format.
double f16_value(uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const int fraction = bits & 1023;
  const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

bool f16_is_nan(uint16_t bits) {
  return (bits & 0x7FFF) > 0x7C00;
}

TEST(Half, EveryF16_ToF32AndBack_KeepsItsBits) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float value = f16_to_f32(half);
    if (f16_is_nan(half)) {
      EXPECT_TRUE(std::isnan(value));
      EXPECT_TRUE(f16_is_nan(f32_to_f16(value)));
      continue;
    }
    if ((half & 0x7FFF) != 0x7C00) {
      EXPECT_EQ(static_cast<double>(value), f16_value(half));
    }
    EXPECT_EQ(f32_to_f16(value), half);
  }
}

TEST(Half, BetweenTwoF16_RoundsToTheNearerAndTiesToEven) {
  for (uint16_t half = 0; half < 0x7BFF; ++half) {
    const double low = f16_value(half);
    const double high = f16_value(static_cast<uint16_t>(half + 1));
    const auto middle = static_cast<float>((low + high) / 2);  // exact: one more bit than f16 has
    const auto even = static_cast<uint16_t>((half % 2 == 0) ? half : half + 1);
    EXPECT_EQ(f32_to_f16(middle), even);
    EXPECT_EQ(f32_to_f16(-middle), even | 0x8000);
    EXPECT_EQ(f32_to_f16(std::nextafter(middle, 0.0F)), half);
    EXPECT_EQ(f32_to_f16(std::nextafter(middle, 1e9F)), half + 1);
  }
}

TEST(Half, BeyondTheLargestF16_BecomesInfinityFromTheMiddleOn) {
  EXPECT_EQ(f32_to_f16(65504.0F), 0x7BFF);
  EXPECT_EQ(f32_to_f16(65519.996F), 0x7BFF);
  EXPECT_EQ(f32_to_f16(65520.0F), 0x7C00);
  EXPECT_EQ(f32_to_f16(std::numeric_limits<float>::infinity()), 0x7C00);
  EXPECT_EQ(f32_to_f16(-1e30F), 0xFC00);
  EXPECT_EQ(f32_to_f16(std::numeric_limits<float>::denorm_min()), 0);
}

TEST(Half, EveryBf16_ToF32AndBack_KeepsItsBits) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float value = bf16_to_f32(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(bf16_to_f32(f32_to_bf16(value))));
    } else {
      EXPECT_EQ(f32_to_bf16(value), half);
    }
  }
}

TEST(Half, BetweenTwoBf16_RoundsToTheNearerAndTiesToEven) {
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0x3F808000U)), 0x3F80);
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0x3F808001U)), 0x3F81);
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0x3F818000U)), 0x3F82);
  EXPECT_EQ(f32_to_bf16(std::numeric_limits<float>::max()), 0x7F80);
}

}  // namespace
}  // namespace hearth::quant
