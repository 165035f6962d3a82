#include "sampling/deterministic_math.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace hearth::sampling {
namespace {

TEST(DeterministicExp, RangeOfLogits_AgreesWithTheLibrary) {
  for (double x = -699.9; x <= 0.0; x += 0.0137) {
    const double expected = std::exp(x);
    ASSERT_NEAR(deterministic_exp(x) / expected, 1.0, 1e-11) << x;
  }
}

TEST(DeterministicExp, Zero_IsExactlyOne) {
  EXPECT_EQ(deterministic_exp(0.0), 1.0);
  EXPECT_EQ(deterministic_exp(-0.0), 1.0);
}

TEST(DeterministicExp, FarBelow_IsZero) {
  EXPECT_EQ(deterministic_exp(-701.0), 0.0);
  EXPECT_EQ(deterministic_exp(-std::numeric_limits<double>::infinity()), 0.0);
}

TEST(DeterministicExp, KnownArguments_GiveTheseBits) {
  // What any machine must compute, from IEEE 754 double arithmetic without contraction.
  EXPECT_EQ(std::bit_cast<uint64_t>(deterministic_exp(-0.25)), 0x3fe8ebef9eac7900U);
  EXPECT_EQ(std::bit_cast<uint64_t>(deterministic_exp(-1.0)), 0x3fd78b56362ca968U);
  EXPECT_EQ(std::bit_cast<uint64_t>(deterministic_exp(-12.345)), 0x3ed240572f47cb80U);
}

TEST(DeterministicLog, NormalNumbers_AgreesWithTheLibrary) {
  for (double x = std::numeric_limits<double>::min(); x < 1e308; x *= 1.00731) {
    ASSERT_NEAR(deterministic_log(x), std::log(x), 1e-14 * std::max(1.0, std::abs(std::log(x)))) << x;
  }
  for (double x = 0.5; x < 2.0; x += 0.000137) ASSERT_NEAR(deterministic_log(x), std::log(x), 1e-15) << x;
  EXPECT_EQ(deterministic_log(1.0), 0.0);
}

TEST(DeterministicPower, WholeExponents_MultipliesThatOften) {
  EXPECT_EQ(deterministic_power(1.75, 0), 1.0);
  EXPECT_EQ(deterministic_power(1.75, 1), 1.75);
  EXPECT_EQ(deterministic_power(1.5, 7), 17.0859375);
  EXPECT_EQ(deterministic_power(2.0, 5000), std::numeric_limits<double>::infinity());
  EXPECT_EQ(deterministic_power(0.5, 5000), 0.0);
}

}  // namespace
}  // namespace hearth::sampling
