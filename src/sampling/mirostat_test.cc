#include "sampling/mirostat.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "sampling/sampler.h"

namespace hearth::sampling {
namespace {

// Logits of Zipf's law p ~ 1 / rank^s.
std::vector<float> zipf(size_t n, double s) {
  std::vector<float> logits;
  for (size_t i = 0; i < n; ++i)
    logits.push_back(static_cast<float>(-s * std::log(static_cast<double>(i + 1))));
  return logits;
}

size_t left_of(Mirostat& mirostat, std::vector<float> logits) {
  Candidates candidates;
  candidates.reset(logits);
  mirostat.truncate(candidates);
  return candidates.list().size();
}

// On an exact Zipf distribution the estimate of s is exact, and k is the paper's formula, here with the C
// library's functions.
TEST(MirostatOne, ZipfDistribution_CutsAtThePapersK) {
  for (const double s : {0.7, 1.2, 2.0}) {
    for (const double target : {1.5, 3.0, 4.0}) {
      constexpr size_t kVocabulary = 20000;
      Mirostat mirostat(Mirostat::Version::kOne, target, 0.1, kVocabulary);
      const double epsilon = s - 1.0;
      const double k =
          std::pow(epsilon * std::pow(2.0, 2.0 * target) / (1.0 - std::pow(kVocabulary, -epsilon)), 1.0 / s);
      EXPECT_EQ(left_of(mirostat, zipf(kVocabulary, s)),
                std::max<size_t>(1, static_cast<size_t>(std::lround(k))))
          << "s " << s << ", target " << target;
    }
  }
}

TEST(MirostatTwo, TokensMoreSurprisingThanTheLimit_AreCut) {
  // Surprises 1, 2, 3, 3 bits; the limit begins at twice the target.
  const std::vector<float> logits{std::log(0.5F), std::log(0.25F), std::log(0.125F), std::log(0.125F)};
  const auto n_left = [&](double target) {
    Mirostat mirostat(Mirostat::Version::kTwo, target, 0.1, 4);
    return left_of(mirostat, logits);
  };
  EXPECT_EQ(n_left(0.1), 1U);
  EXPECT_EQ(n_left(0.75), 1U);
  EXPECT_EQ(n_left(1.25), 2U);
  EXPECT_EQ(n_left(1.75), 4U);
}

TEST(MirostatTwo, Observe_MovesTheLimitByTheErrorTimesTheRate) {
  const std::vector<float> logits{std::log(0.5F), std::log(0.25F), std::log(0.25F)};
  Mirostat mirostat(Mirostat::Version::kTwo, 1.25, 1.0, 3);  // the limit is 2.5
  EXPECT_EQ(left_of(mirostat, logits), 3U);
  mirostat.observe(
      {.token = 1, .logit = logits[1], .weight = 0.5});  // half the best one's weight, so p = 0.25:
  // 2 bits where 1.25 were wanted: 2.5 - 0.75 = 1.75
  EXPECT_EQ(left_of(mirostat, logits), 1U);
  for (int i = 0; i < 2; ++i) mirostat.observe({.token = 0, .logit = logits[0], .weight = 1.0});
  // Twice 1 bit: 1.75 + 0.25 + 0.25 = 2.25
  EXPECT_EQ(left_of(mirostat, logits), 3U);
}

TEST(Mirostat, LongTexts_HaveTheSurpriseThatWasAskedFor) {
  for (const int version : {1, 2}) {
    SamplingOptions options;
    options.temperature = 1.0F;
    options.mirostat = version;
    options.mirostat_tau = 3.0F;
    options.seed = 5;
    Sampler sampler(options);
    const std::vector<float> logits = zipf(1000, 1.1);
    double total = 0.0;
    for (const float logit : logits) total += std::exp(static_cast<double>(logit));
    double bits = 0.0;
    constexpr int kDraws = 4000;
    for (int i = 0; i < kDraws; ++i) {
      std::vector<float> scratch = logits;
      const auto token = static_cast<size_t>(sampler.sample(scratch));
      bits -= std::log2(std::exp(static_cast<double>(logits[token])) / total);
    }
    EXPECT_NEAR(bits / kDraws, 3.0, 0.05) << "version " << version;
  }
}

TEST(Mirostat, AllAlikeOrOneToken_DrawsSomething) {
  for (const int version : {1, 2}) {
    SamplingOptions options;
    options.mirostat = version;
    Sampler sampler(options);
    std::vector<float> one{3.0F};
    EXPECT_EQ(sampler.sample(one), 0);
    std::vector<float> alike(10, 1.0F);
    EXPECT_GE(sampler.sample(alike), 0);
  }
}

TEST(Mirostat, FiltersAreLeftOut) {
  SamplingOptions options;
  options.temperature = 1.0F;
  options.top_k = 1;
  options.mirostat = 2;
  options.mirostat_tau = 20.0F;
  options.seed = 3;
  Sampler sampler(options);
  bool other = false;
  for (int i = 0; i < 100; ++i) {
    std::vector<float> logits{1.0F, 0.9F};
    other |= sampler.sample(logits) == 1;
  }
  EXPECT_TRUE(other);
}

}  // namespace
}  // namespace hearth::sampling
