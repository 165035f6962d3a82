#include "sampling/candidates.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace hearth::sampling {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

float added(float logit, float value) {
  return logit + value;
}

TEST(Candidates, Adjust_BeforeAndAfterTheListIsMade_GivesTheSame) {
  const std::unordered_map<int32_t, float> values{{0, 1.0F}, {2, -2.5F}, {7, 4.0F}, {-1, 4.0F}};
  std::vector<float> early_logits{1.0F, 2.0F, 3.0F, -kInfinity};
  std::vector<float> late_logits = early_logits;
  Candidates early;
  Candidates late;
  early.reset(early_logits);
  late.reset(late_logits);
  early.adjust(values, added);
  late.list();
  late.adjust(values, added);
  ASSERT_EQ(early.list().size(), 3U);
  ASSERT_EQ(late.list().size(), 3U);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(early.list()[i].token, late.list()[i].token);
    EXPECT_EQ(early.list()[i].logit, late.list()[i].logit);
  }
}

TEST(Candidates, AdjustBeyondTheRangeOfFloat_StaysAtItsEnds) {
  constexpr float kMost = std::numeric_limits<float>::max();
  std::vector<float> logits{kMost, -kMost, 0.0F};
  Candidates candidates;
  candidates.reset(logits);
  candidates.adjust(std::unordered_map<int32_t, float>{{0, kMost}, {1, -kMost}}, added);
  candidates.mask(2);
  ASSERT_EQ(candidates.list().size(), 2U);
  EXPECT_EQ(candidates.list()[0].logit, kMost);
  EXPECT_EQ(candidates.list()[1].logit, -kMost);
  EXPECT_EQ(candidates.total_weight(), 1.0);
}

TEST(Candidates, Divide_ByTinyNumber_LeavesFiniteLogitsAndTheBest) {
  std::vector<float> logits{-3.0F, 2.0F, 1.0F};
  Candidates candidates;
  candidates.reset(logits);
  candidates.divide(static_cast<double>(std::numeric_limits<float>::denorm_min()));
  for (const Candidate& candidate : candidates.list()) EXPECT_TRUE(std::isfinite(candidate.logit));
  EXPECT_EQ(candidates.best(), 1);
  EXPECT_EQ(candidates.total_weight(), 1.0);
}

TEST(Candidates, NothingUnmasked_SaysSo) {
  std::vector<float> logits{-kInfinity, std::numeric_limits<float>::quiet_NaN()};
  Candidates candidates;
  EXPECT_EQ(candidates.reset(logits), -kInfinity);
  EXPECT_TRUE(candidates.all_masked());
  EXPECT_EQ(candidates.best(), 0);
  EXPECT_TRUE(candidates.list().empty());
  EXPECT_TRUE(candidates.all_masked());
  EXPECT_EQ(candidates.best(), 0);
}

}  // namespace
}  // namespace hearth::sampling
