#include "sampling/deterministic_exp.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace hearth::sampling
