#include "sampling/sampler.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <set>
#include <string>

namespace hearth::sampling {
namespace {

using Tokens = std::set<int32_t>;
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Every filter and penalty off.
SamplingOptions plain() {
  SamplingOptions options;
  options.temperature = 1.0F;
  options.top_k = 0;
  options.top_p = 1.0F;
  options.seed = 7;
  return options;
}

std::vector<float> logits_of(std::vector<double> probabilities) {
  std::vector<float> logits;
  for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
  return logits;
}

int32_t sample_once(const SamplingOptions& options, std::vector<float> logits,
                    const std::vector<int32_t>& history = {}) {
  Sampler sampler(options);
  for (const int32_t token : history) sampler.accept(token);
  return sampler.sample(logits);
}

// What a filter leaves: at this temperature, applied after the filters, every survivor is drawn sooner or
// later.
Tokens survivors(SamplingOptions options, const std::vector<float>& logits) {
  options.temperature = 1000.0F;
  Sampler sampler(options);
  Tokens seen;
  for (int i = 0; i < 2000; ++i) {
    std::vector<float> scratch = logits;
    seen.insert(sampler.sample(scratch));
  }
  return seen;
}

TEST(Sampler, TemperatureZero_TakesHighestLogitAndLowestTokenOfATie) {
  SamplingOptions options;
  options.temperature = 0.0F;
  EXPECT_EQ(sample_once(options, {0.5F, 3.0F, 2.0F, 3.0F}), 1);
}

TEST(Sampler, VocabularyOfOne_AlwaysGivesIt) {
  for (const float temperature : {0.0F, 0.8F}) {
    SamplingOptions options;
    options.temperature = temperature;
    EXPECT_EQ(sample_once(options, {-3.0F}), 0);
    EXPECT_EQ(sample_once(options, {-kInfinity}), 0);
    EXPECT_EQ(sample_once(options, {kNan}), 0);
  }
}

TEST(Sampler, NothingFinite_TakesFirstOfHighest) {
  EXPECT_EQ(sample_once(plain(), {-kInfinity, -kInfinity, -kInfinity}), 0);
  EXPECT_EQ(sample_once(plain(), {kNan, -kInfinity, kInfinity, kInfinity}), 2);
}

TEST(Sampler, NanAndMinusInfinity_AreNeverDrawn) {
  const std::vector<float> logits{kNan, 1.0F, -kInfinity, 0.0F, kNan};
  EXPECT_EQ(survivors(plain(), logits), (Tokens{1, 3}));
  SamplingOptions options = plain();
  options.top_k = 4;  // more than there are candidates
  EXPECT_EQ(survivors(options, logits), (Tokens{1, 3}));
}

TEST(Sampler, NothingFiltered_EveryTokenIsDrawn) {
  EXPECT_EQ(survivors(plain(), {0.0F, 1.0F, 2.0F, 3.0F}), (Tokens{0, 1, 2, 3}));
}

TEST(TopK, Two_KeepsTheTwoHighest) {
  SamplingOptions options = plain();
  options.top_k = 2;
  EXPECT_EQ(survivors(options, {1.0F, 4.0F, 2.0F, 3.0F}), (Tokens{1, 3}));
}

TEST(TopK, TiesAtTheBorder_KeepLowerTokens) {
  SamplingOptions options = plain();
  options.top_k = 3;
  EXPECT_EQ(survivors(options, {1.0F, 1.0F, 5.0F, 1.0F, 1.0F}), (Tokens{0, 1, 2}));
}

TEST(TopK, VocabularyMuchLargerThanK_KeepsExactlyTheHighest) {
  constexpr int32_t kVocabulary = 5000;
  std::vector<float> logits(kVocabulary);
  for (int32_t i = 0; i < kVocabulary; ++i) {
    logits[static_cast<size_t>(i)] =
        static_cast<float>((i * 1871) % kVocabulary);  // a permutation: 1871 is prime
  }
  SamplingOptions options = plain();
  options.top_k = 5;
  Tokens expected;
  for (int32_t i = 0; i < kVocabulary; ++i) {
    if ((i * 1871) % kVocabulary >= kVocabulary - 5) expected.insert(i);
  }
  EXPECT_EQ(survivors(options, logits), expected);
}

TEST(TopP, MassReachedWithinAToken_KeepsThatToken) {
  SamplingOptions options = plain();
  options.top_p = 0.6F;  // 0.5 is not enough, 0.5 + 0.25 is
  EXPECT_EQ(survivors(options, logits_of({0.125, 0.5, 0.125, 0.25})), (Tokens{1, 3}));
}

TEST(TopP, Zero_KeepsTheMostProbable) {
  SamplingOptions options = plain();
  options.top_p = 0.0F;
  EXPECT_EQ(survivors(options, logits_of({0.3, 0.4, 0.3})), (Tokens{1}));
}

TEST(TopP, ManyEqualTokens_KeepsTheShareWithLowestIds) {
  const std::vector<float> logits(1000, 0.0F);  // several rounds of the growing sort
  SamplingOptions options = plain();
  options.top_p = 0.7F;
  const Tokens seen = survivors(options, logits);
  EXPECT_LT(*seen.rbegin(), 702);
  EXPECT_GT(*seen.rbegin(), 680);
}

TEST(TopP, AfterTopK_CountsTheMassOfWhatIsLeft) {
  SamplingOptions options = plain();
  options.top_k = 2;  // 0.4 and 0.3: 4/7 and 3/7 of what is left
  options.top_p = 0.5F;
  EXPECT_EQ(survivors(options, logits_of({0.4, 0.3, 0.2, 0.1})), (Tokens{0}));
}

TEST(MinP, HalfOfTheTop_KeepsWhatHasAtLeastHalfItsProbability) {
  SamplingOptions options = plain();
  options.min_p = 0.5F;
  EXPECT_EQ(survivors(options, logits_of({0.09, 0.40, 0.21, 0.19, 0.11})), (Tokens{1, 2}));
}

TEST(MinP, One_KeepsEveryTokenOfATieAtTheTop) {
  SamplingOptions options = plain();
  options.min_p = 1.0F;
  EXPECT_EQ(survivors(options, {2.0F, 5.0F, 5.0F, 4.9F}), (Tokens{1, 2}));
}

// p = 0.6, 0.2, 0.1, 0.1: entropy 1.089 nats; surprises 0.51, 1.61, 2.30, 2.30; distances 0.58,
// 0.52, 1.21, 1.21. So token 1 is the most typical one, before the most probable token 0.
TEST(TypicalP, SmallShare_KeepsTheTokenNearestToTheEntropy) {
  SamplingOptions options = plain();
  options.typical_p = 0.15F;
  EXPECT_EQ(survivors(options, logits_of({0.6, 0.2, 0.1, 0.1})), (Tokens{1}));
  options.typical_p = 0.5F;
  EXPECT_EQ(survivors(options, logits_of({0.6, 0.2, 0.1, 0.1})), (Tokens{0, 1}));
  options.typical_p = 0.85F;
  EXPECT_EQ(survivors(options, logits_of({0.6, 0.2, 0.1, 0.1})), (Tokens{0, 1, 2}));
}

TEST(TypicalP, ShiftedLogits_KeepTheSameTokens) {
  SamplingOptions options = plain();
  options.typical_p = 0.5F;
  std::vector<float> logits = logits_of({0.6, 0.2, 0.1, 0.1});
  for (float& logit : logits) logit += 123.0F;
  EXPECT_EQ(survivors(options, logits), (Tokens{0, 1}));
}

TEST(Penalties, RepeatPenalty_DividesPositiveAndMultipliesNegativeLogits) {
  SamplingOptions options;
  options.temperature = 0.0F;
  options.repeat_penalty = 2.0F;
  std::vector<float> logits{4.0F, -1.0F, 3.0F, -4.0F};
  Sampler sampler(options);
  sampler.accept(0);
  sampler.accept(1);
  sampler.accept(0);
  EXPECT_EQ(sampler.sample(logits), 2);
  EXPECT_EQ(logits, (std::vector<float>{2.0F, -2.0F, 3.0F, -4.0F}));
}

TEST(Penalties, FrequencyAndPresence_SubtractPerOccurrenceAndOnce) {
  SamplingOptions options;
  options.temperature = 0.0F;
  options.frequency_penalty = 0.5F;
  options.presence_penalty = 0.25F;
  std::vector<float> logits{4.0F, 4.0F, 4.0F};
  Sampler sampler(options);
  for (const int32_t token : {0, 0, 0, 1}) sampler.accept(token);
  EXPECT_EQ(sampler.sample(logits), 2);
  EXPECT_EQ(logits, (std::vector<float>{2.25F, 3.25F, 4.0F}));
}

TEST(Penalties, RepeatLastN_ForgetsOlderTokens) {
  SamplingOptions options;
  options.temperature = 0.0F;
  options.repeat_penalty = 10.0F;
  options.repeat_last_n = 2;
  const std::vector<float> logits{5.0F, 4.0F, 3.0F};
  EXPECT_EQ(sample_once(options, logits, {0, 1}), 2);
  EXPECT_EQ(sample_once(options, logits, {0, 1, 2}), 0);
  EXPECT_EQ(sample_once(options, logits, {0, 1, 0, 2}), 1);
  options.repeat_last_n = 0;
  EXPECT_EQ(sample_once(options, logits, {0, 0}), 0);
  options.repeat_last_n = -1;
  EXPECT_EQ(sample_once(options, logits, std::vector<int32_t>(500, 0)), 1);
}

TEST(Penalties, TokensOutsideTheVocabularyAndMaskedOnes_ChangeNothing) {
  SamplingOptions options;
  options.temperature = 0.0F;
  options.repeat_penalty = 2.0F;
  options.presence_penalty = -std::numeric_limits<float>::max();
  EXPECT_EQ(sample_once(options, {-kInfinity, 1.0F}, {-5, 99, 0}), 1);
}

TEST(LogitBias, Finite_IsAddedBeforeAnythingElse) {
  SamplingOptions options;
  options.temperature = 0.0F;
  options.logit_bias = {{2, 3.0F}, {0, -1.0F}};
  EXPECT_EQ(sample_once(options, {2.0F, 1.5F, 0.0F}), 2);
  options.repeat_penalty = 4.0F;  // 3 / 4 < 1.5: the penalty sees the biased logit
  EXPECT_EQ(sample_once(options, {2.0F, 1.5F, 0.0F}, {2}), 1);
}

TEST(LogitBias, MinusInfinity_BansTheToken) {
  SamplingOptions options = plain();
  options.logit_bias = {{1, -kInfinity}};
  EXPECT_EQ(survivors(options, {0.0F, 50.0F, 1.0F}), (Tokens{0, 2}));
  options.logit_bias = {{0, -kInfinity}, {1, -kInfinity}, {2, -kInfinity}};
  EXPECT_EQ(sample_once(options, {0.0F, 50.0F, 1.0F}), 0);
}

TEST(Order, TemperatureBeforeMinP_LetsTheFilterSeeFlattenedProbabilities) {
  // 0.8, 0.15, 0.05; at temperature 4 they are about 0.46, 0.30, 0.23.
  SamplingOptions options = plain();
  options.min_p = 0.4F;
  const std::vector<float> logits = logits_of({0.8, 0.15, 0.05});
  EXPECT_EQ(survivors(options, logits), (Tokens{0}));
  options.samplers = {Stage::kTemperature, Stage::kMinP};
  EXPECT_EQ(survivors(options, logits), (Tokens{0, 1, 2}));
}

TEST(Order, StageThatIsNotListed_IsNotDone) {
  SamplingOptions options = plain();
  options.top_k = 1;
  options.samplers = {Stage::kTopP, Stage::kTemperature};
  EXPECT_EQ(survivors(options, {1.0F, 2.0F, 3.0F}), (Tokens{0, 1, 2}));
}

TEST(Order, PenaltiesAfterTopK_ChangeTheListThatIsLeft) {
  SamplingOptions options = plain();
  options.top_k = 2;
  options.presence_penalty = 100.0F;
  options.samplers = {Stage::kTopK, Stage::kPenalties};
  for (int i = 0; i < 100; ++i) {
    options.seed = i;
    EXPECT_EQ(sample_once(options, {5.0F, 4.0F, 3.0F}, {0}), 1);
  }
}

TEST(TopNSigma, One_KeepsWhatIsWithinADeviationOfTheTop) {
  // Mean 2, deviation sqrt(2) of 0..4: 4 - 1.414 = 2.586.
  SamplingOptions options = plain();
  options.top_n_sigma = 1.0F;
  EXPECT_EQ(survivors(options, {0.0F, 1.0F, 2.0F, 3.0F, 4.0F}), (Tokens{3, 4}));
  EXPECT_EQ(survivors(options, {0.0F, -kInfinity, 1.0F, 2.0F, 3.0F, 4.0F}), (Tokens{4, 5}));
}

TEST(Xtc, AlwaysOn_LeavesTheLeastProbableOfTheTopChoicesAndAllBelow) {
  SamplingOptions options = plain();
  options.xtc_probability = 1.0F;
  options.xtc_threshold = 0.15F;
  EXPECT_EQ(survivors(options, logits_of({0.4, 0.05, 0.3, 0.2, 0.05})), (Tokens{1, 3, 4}));
  options.xtc_threshold = 0.35F;  // one top choice: nothing to exclude
  EXPECT_EQ(survivors(options, logits_of({0.4, 0.05, 0.3, 0.2, 0.05})), (Tokens{0, 1, 2, 3, 4}));
  options.xtc_threshold = 0.6F;
  EXPECT_EQ(survivors(options, logits_of({0.4, 0.05, 0.3, 0.2, 0.05})), (Tokens{0, 1, 2, 3, 4}));
}

TEST(Xtc, Probability_IsHowOftenItActs) {
  SamplingOptions options = plain();
  options.xtc_probability = 0.25F;
  options.xtc_threshold = 0.1F;
  Sampler sampler(options);
  int n_top = 0;
  constexpr int kDraws = 20000;
  for (int i = 0; i < kDraws; ++i) {
    std::vector<float> logits = logits_of({0.8, 0.2});
    n_top += sampler.sample(logits) == 0 ? 1 : 0;
  }
  // 0.75 * 0.8; the standard deviation of the share is 0.0035.
  EXPECT_NEAR(n_top / static_cast<double>(kDraws), 0.6, 0.015);
}

TEST(Temperature, Tiny_DrawsTheHighest) {
  SamplingOptions options = plain();
  options.temperature = std::numeric_limits<float>::denorm_min();
  EXPECT_EQ(sample_once(options, {1.0F, 1.001F, 0.5F}), 1);
}

// Pearson's chi-square over 200,000 draws; the 0.999 quantile for 5 degrees of freedom is 20.5.
TEST(Draw, FixedSeed_FollowsTheSoftmaxAtItsTemperature) {
  constexpr int kDraws = 200000;
  const std::vector<float> logits{0.0F, 1.0F, -1.0F, 2.0F, 0.5F, -2.0F};
  for (const float temperature : {0.5F, 1.0F, 2.0F}) {
    SamplingOptions options = plain();
    options.temperature = temperature;
    Sampler sampler(options);
    std::array<int, 6> counts{};
    for (int i = 0; i < kDraws; ++i) {
      std::vector<float> scratch = logits;
      ++counts[static_cast<size_t>(sampler.sample(scratch))];
    }
    double total = 0.0;
    for (const float logit : logits) total += std::exp(static_cast<double>(logit) / temperature);
    double chi_square = 0.0;
    for (size_t i = 0; i < logits.size(); ++i) {
      const double expected = kDraws * std::exp(static_cast<double>(logits[i]) / temperature) / total;
      chi_square += (counts[i] - expected) * (counts[i] - expected) / expected;
    }
    EXPECT_LT(chi_square, 20.5) << "temperature " << temperature;
  }
}

// The draws of an independent mt19937_64 (seed 42), cut at the cumulative shares 0.1, 0.3, 0.6, 1.
TEST(Draw, Seed42_GivesTheseTokensOnEveryMachine) {
  SamplingOptions options = plain();
  options.seed = 42;
  Sampler sampler(options);
  std::vector<int32_t> drawn;
  for (int i = 0; i < 16; ++i) {
    std::vector<float> logits = logits_of({0.1, 0.2, 0.3, 0.4});
    drawn.push_back(sampler.sample(logits));
  }
  EXPECT_EQ(drawn, (std::vector<int32_t>{3, 3, 3, 1, 3, 0, 2, 2, 1, 2, 0, 2, 3, 3, 3, 3}));
}

TEST(Seed, MinusOne_DrawsOneThatCanBeUsedAgain) {
  SamplingOptions options = plain();
  options.seed = -1;
  Sampler first(options);
  options.seed = static_cast<int64_t>(first.seed());
  Sampler second(options);
  EXPECT_EQ(first.seed(), second.seed());
  for (int i = 0; i < 50; ++i) {
    std::vector<float> a(100, 0.0F);
    std::vector<float> b(100, 0.0F);
    ASSERT_EQ(first.sample(a), second.sample(b));
  }
}

// A set of tokens as a sampler takes it.
std::vector<uint64_t> allowed_of(size_t n, const Tokens& tokens) {
  std::vector<uint64_t> words((n + 63) / 64);
  for (const int32_t token : tokens) words[static_cast<size_t>(token) / 64] |= uint64_t{1} << (token % 64);
  return words;
}

// With few allowed tokens and with many, which are gone about differently.
TEST(Sampler, Allowed_AreAllThatIsDrawn) {
  constexpr size_t kTokens = 300;
  for (const size_t step : {size_t{2}, size_t{50}}) {
    Tokens wanted;
    for (size_t token = 1; token < kTokens; token += step) wanted.insert(static_cast<int32_t>(token));
    Sampler sampler(plain());
    Tokens seen;
    for (int i = 0; i < 4000; ++i) {
      std::vector<float> logits(kTokens, 1.0F);
      seen.insert(sampler.sample(logits, allowed_of(kTokens, wanted)));
    }
    EXPECT_EQ(seen, wanted) << step;
  }
}

// What is drawn of the allowed ones is as if there were no others.
TEST(Sampler, Allowed_KeepTheirShares) {
  for (const bool few : {true, false}) {
    const size_t n = few ? 200 : 4;
    Sampler sampler(plain());
    int n_second = 0;
    constexpr int kDraws = 4000;
    for (int i = 0; i < kDraws; ++i) {
      std::vector<float> logits(n, 9.0F);
      logits[1] = static_cast<float>(std::log(0.25));
      logits[2] = static_cast<float>(std::log(0.75));
      n_second += sampler.sample(logits, allowed_of(n, {1, 2})) == 2 ? 1 : 0;
    }
    EXPECT_NEAR(n_second / static_cast<double>(kDraws), 0.75, 0.03) << few;
  }
}

TEST(Sampler, Allowed_WinAgainstBansAndBrokenLogits) {
  for (const size_t n : {size_t{4}, size_t{200}}) {
    SamplingOptions options = plain();
    options.logit_bias = {{2, -kInfinity}, {3, -kInfinity}};
    Sampler banned(options);
    std::vector<float> logits(n, 1.0F);
    EXPECT_EQ(banned.sample(logits, allowed_of(n, {2})), 2) << n;
    Sampler sampler(plain());
    std::vector<float> broken(n, kNan);
    EXPECT_EQ(sampler.sample(broken, allowed_of(n, {3})), 3) << n;
    std::vector<float> masked(n, 1.0F);
    masked[3] = -kInfinity;
    EXPECT_EQ(sampler.sample(masked, allowed_of(n, {3})), 3) << n;
    // Of two, the one that is not banned.
    std::vector<float> both(n, 1.0F);
    EXPECT_EQ(banned.sample(both, allowed_of(n, {1, 2})), 1) << n;
  }
}

}  // namespace
}  // namespace hearth::sampling
