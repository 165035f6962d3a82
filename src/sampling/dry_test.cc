#include "sampling/dry.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace hearth::sampling {
namespace {

SamplingOptions dry_options() {
  SamplingOptions options;
  options.dry_multiplier = 0.8F;
  options.dry_sequence_breakers = {};
  return options;
}

// What is taken off each token's logit.
std::vector<double> penalties(const SamplingOptions& options, const std::vector<int32_t>& text,
                              size_t n_tokens, const TokenText& token_text = nullptr) {
  Dry dry(options, token_text);
  for (const int32_t token : text) dry.accept(token);
  std::vector<float> logits(n_tokens, 0.0F);
  Candidates candidates;
  candidates.reset(logits);
  dry.apply(candidates);
  std::vector<double> taken;
  for (const float logit : logits) taken.push_back(static_cast<double>(-logit));
  return taken;
}

// Straight from the definition: every earlier place of the text's end, every length.
std::vector<double> expected_penalties(const SamplingOptions& options, std::vector<int32_t> text,
                                       size_t n_tokens) {
  if (options.dry_penalty_last_n >= 0 && text.size() > static_cast<size_t>(options.dry_penalty_last_n))
    text.erase(text.begin(), text.end() - options.dry_penalty_last_n);
  std::vector<double> taken(n_tokens, 0.0);
  for (size_t next = 1; next < text.size(); ++next) {  // the token behind a passage that ends before it
    size_t length = 0;
    while (length < next && text[next - 1 - length] == text[text.size() - 1 - length]) ++length;
    if (length == 0 || length < static_cast<size_t>(options.dry_allowed_length)) continue;
    const double penalty = static_cast<double>(options.dry_multiplier) *
                           std::pow(static_cast<double>(options.dry_base),
                                    static_cast<double>(length) - options.dry_allowed_length);
    double& most = taken[static_cast<size_t>(text[next])];
    most = std::max(most, penalty);
  }
  return taken;
}

TEST(Dry, RepeatedPassage_PunishesItsContinuationByLength) {
  // "1 2 3 4 ... 1 2 3": a 4 would make a repetition of 3 tokens one longer.
  const auto taken = penalties(dry_options(), {1, 2, 3, 4, 5, 1, 2, 3}, 6);
  EXPECT_NEAR(taken[4], 0.8 * 1.75, 1e-6);
  EXPECT_EQ(taken[5], 0.0);
  EXPECT_EQ(taken[1], 0.0);
}

TEST(Dry, RandomTexts_AgreeWithTheDefinition) {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    const size_t n_tokens = 2 + random() % 3;  // few kinds of tokens: many repetitions
    std::vector<int32_t> text(random() % 60);
    for (int32_t& token : text) token = static_cast<int32_t>(random() % n_tokens);
    SamplingOptions options = dry_options();
    options.dry_allowed_length = static_cast<int32_t>(random() % 4);
    options.dry_penalty_last_n = round % 3 == 0 ? static_cast<int32_t>(1 + random() % 40) : -1;
    const auto found = penalties(options, text, n_tokens);
    const auto expected = expected_penalties(options, text, n_tokens);
    for (size_t i = 0; i < n_tokens; ++i)
      ASSERT_NEAR(found[i], expected[i], 1e-6 * (1.0 + expected[i])) << "round " << round << ", token " << i;
  }
}

TEST(Dry, LongRunsOfOneToken_EndSoonAndStayFinite) {
  Dry dry(dry_options(), nullptr);
  for (int i = 0; i < 200000; ++i) dry.accept(0);
  std::vector<float> logits{0.0F, 0.0F};
  Candidates candidates;
  candidates.reset(logits);
  dry.apply(candidates);  // a comparison of each place with each would take minutes
  EXPECT_TRUE(std::isfinite(logits[0]));
  EXPECT_LT(logits[0], -1e30F);
  EXPECT_EQ(logits[1], 0.0F);
}

// Tokens 0..5 are these texts.
std::string_view text_of(int32_t token) {
  static constexpr std::string_view kTexts[] = {"a", "b", "c", "\n", "##", "#x"};
  return kTexts[token];
}

TEST(Dry, Breaker_EndsTheRepetition) {
  SamplingOptions options = dry_options();
  options.dry_allowed_length = 1;
  const std::vector<int32_t> text{0, 1, 3, 2, 0, 1, 3};  // the break is the last token
  EXPECT_GT(penalties(options, text, 6, text_of)[2], 0.0);
  options.dry_sequence_breakers = {"\n"};
  EXPECT_EQ(penalties(options, text, 6, text_of)[2], 0.0);
  // One token behind it: that one counts, those before the break do not.
  const auto taken = penalties(options, {0, 1, 3, 2, 0, 0, 1, 3, 2}, 6, text_of);
  EXPECT_NEAR(taken[0], 0.8, 1e-6);
}

TEST(Dry, BreakerOverTwoTokens_IsFound) {
  SamplingOptions options = dry_options();
  options.dry_allowed_length = 1;
  options.dry_sequence_breakers = {"###"};
  EXPECT_EQ(penalties(options, {4, 5, 0, 4, 5}, 6, text_of)[0], 0.0);
  options.dry_sequence_breakers = {"####"};
  EXPECT_GT(penalties(options, {4, 5, 0, 4, 5}, 6, text_of)[0], 0.0);
}

TEST(Dry, Off_ChangesNothing) {
  for (auto change :
       {+[](SamplingOptions& o) { o.dry_multiplier = 0.0F; }, +[](SamplingOptions& o) { o.dry_base = 0.5F; },
        +[](SamplingOptions& o) { o.dry_penalty_last_n = 0; }}) {
    SamplingOptions options = dry_options();
    change(options);
    EXPECT_EQ(penalties(options, {0, 1, 0, 1, 0, 1}, 2), (std::vector<double>{0.0, 0.0}));
  }
}

}  // namespace
}  // namespace hearth::sampling
