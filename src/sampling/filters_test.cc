#include "sampling/filters.h"

#include <gtest/gtest.h>

#include <cmath>

namespace hearth::sampling {
namespace {

// The temperature that was applied, from what it did to the distance of two logits.
double temperature_applied(std::vector<float> logits, double temperature, double range, double exponent) {
  Candidates candidates;
  candidates.reset(logits);
  apply_dynamic_temperature(candidates, temperature, range, exponent);
  const std::vector<Candidate>& list = candidates.list();
  const double before = static_cast<double>(logits[1]) - static_cast<double>(logits[0]);
  return before / (static_cast<double>(list[1].logit) - static_cast<double>(list[0].logit));
}

TEST(DynamicTemperature, ShareOfEntropy_SetsThePlaceInTheRange) {
  const std::vector<double> p{0.7, 0.2, 0.1};
  std::vector<float> logits;
  double entropy = 0.0;
  for (const double x : p) {
    logits.push_back(static_cast<float>(std::log(x)));
    entropy -= x * std::log(x);
  }
  const double share = entropy / std::log(3.0);
  EXPECT_NEAR(temperature_applied(logits, 1.0, 0.5, 1.0), 0.5 + share, 1e-6);
  EXPECT_NEAR(temperature_applied(logits, 1.0, 0.5, 2.0), 0.5 + share * share, 1e-6);
  EXPECT_NEAR(temperature_applied(logits, 1.0, 0.5, 0.0), 1.5, 1e-6);
  EXPECT_NEAR(temperature_applied(logits, 0.3, 1.0, 1.0), 1.3 * share, 1e-6);  // not below 0
}

TEST(DynamicTemperature, AllAlike_IsTheHighest) {
  Candidates candidates;
  std::vector<float> logits{1.0F, 1.0F, 1.0F, 1.0F};
  candidates.reset(logits);
  apply_dynamic_temperature(candidates, 1.0, 0.5, 1.0);
  EXPECT_EQ(candidates.total_weight(), 4.0);
}

TEST(DynamicTemperature, SureModel_LeavesTheBestAlone) {
  std::vector<float> logits{0.0F, 400.0F};
  Candidates candidates;
  candidates.reset(logits);
  apply_dynamic_temperature(candidates, 0.5, 0.5, 1.0);
  EXPECT_EQ(candidates.total_weight(), 1.0);
  EXPECT_EQ(candidates.best(), 1);
}

TEST(DynamicTemperature, OneCandidate_Stays) {
  std::vector<float> logits{5.0F};
  Candidates candidates;
  candidates.reset(logits);
  apply_dynamic_temperature(candidates, 1.0, 0.5, 1.0);
  EXPECT_EQ(candidates.list().front().logit, 5.0F);
}

}  // namespace
}  // namespace hearth::sampling
