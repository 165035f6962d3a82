#include "train/optimiser.h"

#include <gtest/gtest.h>

#include <cmath>

#include "train/train_fixture.h"

namespace hearth::train {
namespace {

// Two steps of a weight that decays and of one that does not, worked out with the paper's formulas.
TEST(AdamW, TwoSteps_AreThePapers) {
  Compute compute(2);
  const AdamWOptions options{0.9, 0.99, 1e-3, 0.5};
  AdamW<double> adamw({{1, true}, {1, false}}, options);
  std::vector<double> weights{2.0, 2.0};
  const std::vector<double> first{0.5, 0.5};
  const std::vector<double> second{-1.0, -1.0};
  adamw.step(compute.threads, 0.1, 1.0, first, weights);
  // Corrected for their start, the mean is 0.5 and that of squares 0.25.
  const double after_one = 2.0 - 0.1 * 0.5 / (0.5 + 1e-3);
  EXPECT_NEAR(weights[1], after_one, 1e-14);
  EXPECT_NEAR(weights[0], after_one - 0.1 * 0.5 * 2.0, 1e-14);

  adamw.step(compute.threads, 0.2, 0.5, second, weights);
  const double mean = (0.9 * 0.05 + 0.1 * -0.5) / (1 - 0.81);
  const double square = (0.99 * 0.0025 + 0.01 * 0.25) / (1 - 0.99 * 0.99);
  const double moved = 0.2 * mean / (std::sqrt(square) + 1e-3);
  EXPECT_NEAR(weights[1], after_one - moved, 1e-14);
  EXPECT_NEAR(weights[0], (after_one - 0.1) * (1 - 0.2 * 0.5) - moved, 1e-14);
}

TEST(AdamW, StateThatIsSetAgain_GoesOnBitByBit) {
  Compute compute(1);
  const AdamWOptions options;
  const std::vector<float> derivatives{0.3F, -0.7F, 1e-4F};
  AdamW<float> whole({{3, true}}, options);
  std::vector<float> expected{1, 2, 3};
  for (int i = 0; i < 5; ++i) whole.step(compute.threads, 0.01, 1.0, derivatives, expected);

  AdamW<float> before({{3, true}}, options);
  std::vector<float> weights{1, 2, 3};
  for (int i = 0; i < 2; ++i) before.step(compute.threads, 0.01, 1.0, derivatives, weights);
  AdamW<float> after({{3, true}}, options);
  after.set_state(before.state());
  for (int i = 2; i < 5; ++i) after.step(compute.threads, 0.01, 1.0, derivatives, weights);
  EXPECT_EQ(weights, expected);
}

TEST(GlobalNorm, AnyNumberOfThreads_IsTheSame) {
  std::vector<float> x(10'001);
  double squares = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    x[i] = std::sin(static_cast<float>(i));
    squares += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  }
  Compute one(1);
  const double norm = global_norm<float>(one.threads, x);
  EXPECT_NEAR(norm, std::sqrt(squares), 1e-10);
  for (const int n_threads : {2, 3}) {
    Compute several(n_threads);
    EXPECT_EQ(global_norm<float>(several.threads, x), norm);
  }
}

TEST(ClipFactor, OnlyAboveTheLimit_Shortens) {
  EXPECT_EQ(clip_factor(0.5, 1.0), 1.0);
  EXPECT_EQ(clip_factor(1.0, 1.0), 1.0);
  EXPECT_EQ(clip_factor(4.0, 1.0), 0.25);
  EXPECT_TRUE(std::isnan(clip_factor(std::nan(""), 1.0)));
  EXPECT_TRUE(std::isnan(clip_factor(HUGE_VAL, 1.0)));
}

TEST(CosineSchedule, RisesThenFallsToTheLast) {
  const CosineSchedule schedule{1.0, 0.2, 4, 12};
  EXPECT_DOUBLE_EQ(schedule.learning_rate(0), 0.25);
  EXPECT_DOUBLE_EQ(schedule.learning_rate(3), 1.0);
  EXPECT_DOUBLE_EQ(schedule.learning_rate(4), 1.0);
  EXPECT_NEAR(schedule.learning_rate(6), 0.2 + 0.4 * (1 + std::sqrt(0.5)), 1e-15);
  EXPECT_NEAR(schedule.learning_rate(8), 0.6, 1e-15);
  EXPECT_DOUBLE_EQ(schedule.learning_rate(12), 0.2);
  EXPECT_DOUBLE_EQ(schedule.learning_rate(100), 0.2);
}

}  // namespace
}  // namespace hearth::train
