#include "train/row_math.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <vector>

namespace hearth::train {
namespace {

TEST(RowMath, Exponential_IsWithinThreeRoundingsOfTheLibrarys) {
  constexpr double kRounding = 6e-8;
  for (float x = -87.0F; x < 88.0F; x += 0.0137F) {
    const double expected = std::exp(static_cast<double>(x));
    ASSERT_NEAR(static_cast<double>(exponential(x)), expected, 4 * kRounding * expected) << x;
  }
  EXPECT_EQ(exponential(0.0F), 1.0F);
}

TEST(RowMath, Exponential_OutsideOfFloats_IsTheirSmallestOrLargest_AndOfNoNumberNone) {
  for (const float x : {-88.0F, -1000.0F, -std::numeric_limits<float>::infinity()}) {
    EXPECT_GT(exponential(x), 0.0F);
    EXPECT_LT(exponential(x), 2e-38F);
  }
  for (const float x : {89.0F, 1000.0F, std::numeric_limits<float>::infinity()}) {
    EXPECT_GT(exponential(x), 2e38F);
    EXPECT_TRUE(std::isfinite(exponential(x)));
  }
  EXPECT_TRUE(std::isnan(exponential(std::numeric_limits<float>::quiet_NaN())));
}

TEST(RowMath, SumsAndLargest_OfAnyLength) {
  std::mt19937 random(1);
  std::vector<float> x;
  double sum = 0.0;
  float top = -1e9F;
  for (int64_t n = 1; n < 40; ++n) {
    x.push_back(static_cast<float>(random() % 1000) - 500.0F);
    sum += static_cast<double>(x.back());
    top = std::max(top, x.back());
    EXPECT_EQ(sum_of<double>(n, [&](int64_t i) { return x[static_cast<size_t>(i)]; }), sum);
    EXPECT_EQ(largest(x.data(), n), top);
  }
  const std::vector<double> a(11, 2.0), b(11, 3.0);
  EXPECT_EQ(dot(a.data(), b.data(), 11), 66.0);
}

}  // namespace
}  // namespace hearth::train
