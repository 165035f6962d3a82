#include "sampling/logprobs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

namespace hearth::sampling {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kLowest = std::numeric_limits<float>::lowest();

TEST(LogSoftmax, RandomLogits_AreThoseOfTheDefinition) {
  std::mt19937 random(5);
  std::normal_distribution<float> normal(3.0F, 8.0F);
  for (int round = 0; round < 20; ++round) {
    std::vector<float> logits(500);
    for (float& logit : logits) logit = normal(random);
    long double sum = 0.0L;
    for (const float logit : logits) sum += std::exp(static_cast<long double>(logit));
    const LogSoftmax softmax(logits);
    double total = 0.0;
    for (int32_t token = 0; token < 500; ++token) {
      const auto expected =
          static_cast<double>(static_cast<long double>(logits[static_cast<size_t>(token)]) - std::log(sum));
      EXPECT_NEAR(softmax.logprob(token), expected, 1e-5 + 1e-6 * std::abs(expected));
      total += std::exp(static_cast<double>(softmax.logprob(token)));
    }
    EXPECT_NEAR(total, 1.0, 1e-5);
  }
}

TEST(LogSoftmax, HugeLogits_DoNotOverflow) {
  const std::vector<float> logits{3e38F, 3e38F, -3e38F};
  const LogSoftmax softmax(logits);
  EXPECT_NEAR(softmax.logprob(0), -std::log(2.0), 1e-6);
  EXPECT_EQ(softmax.logprob(2), kLowest);
}

TEST(LogSoftmax, NoNumbersAmongTheLogits_GiveNumbers) {
  const std::vector<float> logits{1.0F, std::nanf(""), -kInfinity, 1.0F};
  const LogSoftmax softmax(logits);
  EXPECT_NEAR(softmax.logprob(3), -std::log(2.0), 1e-6);
  EXPECT_EQ(softmax.logprob(1), kLowest);
  EXPECT_EQ(softmax.logprob(2), kLowest);
  EXPECT_EQ(softmax.top(2), (std::vector<int32_t>{0, 3}));
  for (const float only : {std::nanf(""), -kInfinity, kInfinity}) {
    const std::vector<float> none(3, only);
    EXPECT_EQ(LogSoftmax(none).logprob(1), kLowest) << only;
  }
}

TEST(LogSoftmax, Top_IsTheBeginningOfAllInOrder) {
  std::mt19937 random(6);
  std::vector<float> logits(300);
  for (float& logit : logits) logit = static_cast<float>(random() % 40);  // many are equal
  std::vector<int32_t> all(logits.size());
  std::iota(all.begin(), all.end(), 0);
  std::stable_sort(all.begin(), all.end(), [&](int32_t a, int32_t b) {
    return logits[static_cast<size_t>(a)] > logits[static_cast<size_t>(b)];
  });
  const LogSoftmax softmax(logits);
  for (const size_t n : {0, 1, 2, 20, 299, 300}) {
    EXPECT_EQ(softmax.top(n),
              std::vector<int32_t>(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(n)));
  }
  EXPECT_EQ(softmax.top(1000), all);
}

}  // namespace
}  // namespace hearth::sampling
