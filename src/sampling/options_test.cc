#include "sampling/options.h"

#include <gtest/gtest.h>

#include <limits>

namespace hearth::sampling {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(Validate, Defaults_AreInRange) {
  EXPECT_TRUE(validate(SamplingOptions{}));
}

TEST(Validate, ValueOutOfRange_NamesOptionRangeAndValue) {
  SamplingOptions options;
  options.top_p = 1.5F;
  const auto result = validate(options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(result.error().message(), "top_p: expected 0 to 1, found 1.5");
}

TEST(Validate, EachOptionOutOfRange_IsRefused) {
  const auto refuses = [](auto member, auto value) {
    SamplingOptions options;
    options.*member = value;
    return !validate(options);
  };
  for (const float value : {-0.1F, kNan, kInfinity}) {
    EXPECT_TRUE(refuses(&SamplingOptions::temperature, value)) << value;
    EXPECT_TRUE(refuses(&SamplingOptions::top_p, value)) << value;
    EXPECT_TRUE(refuses(&SamplingOptions::min_p, value)) << value;
    EXPECT_TRUE(refuses(&SamplingOptions::typical_p, value)) << value;
    EXPECT_TRUE(refuses(&SamplingOptions::repeat_penalty, value)) << value;
  }
  EXPECT_TRUE(refuses(&SamplingOptions::repeat_penalty, 0.0F));
  EXPECT_TRUE(refuses(&SamplingOptions::presence_penalty, kNan));
  EXPECT_TRUE(refuses(&SamplingOptions::frequency_penalty, -kInfinity));
  for (const float value : {-0.1F, kNan, kInfinity}) {
    EXPECT_TRUE(refuses(&SamplingOptions::dynatemp_range, value)) << value;
    EXPECT_TRUE(refuses(&SamplingOptions::dynatemp_exponent, value)) << value;
    EXPECT_TRUE(refuses(&SamplingOptions::xtc_probability, value)) << value;
    EXPECT_TRUE(refuses(&SamplingOptions::xtc_threshold, value)) << value;
    EXPECT_TRUE(refuses(&SamplingOptions::dry_multiplier, value)) << value;
    EXPECT_TRUE(refuses(&SamplingOptions::dry_base, value)) << value;
    EXPECT_TRUE(refuses(&SamplingOptions::mirostat_tau, value)) << value;
    EXPECT_TRUE(refuses(&SamplingOptions::mirostat_eta, value)) << value;
  }
  EXPECT_TRUE(refuses(&SamplingOptions::top_n_sigma, kNan));
  EXPECT_TRUE(refuses(&SamplingOptions::mirostat, 3));
  EXPECT_TRUE(refuses(&SamplingOptions::mirostat, -1));
  EXPECT_TRUE(refuses(&SamplingOptions::dry_allowed_length, -1));
  EXPECT_TRUE(refuses(&SamplingOptions::dry_penalty_last_n, -2));
  EXPECT_TRUE(refuses(&SamplingOptions::dry_sequence_breakers, std::vector<std::string>{""}));
  EXPECT_TRUE(refuses(&SamplingOptions::logit_bias, std::vector<LogitBias>{{1, kInfinity}}));
  EXPECT_TRUE(refuses(&SamplingOptions::logit_bias, std::vector<LogitBias>{{1, kNan}}));
  EXPECT_FALSE(refuses(&SamplingOptions::logit_bias, std::vector<LogitBias>{{1, -kInfinity}}));
  EXPECT_TRUE(refuses(&SamplingOptions::repeat_last_n, -2));
}

TEST(ValidateTokens, BiasOutsideTheVocabulary_IsRefused) {
  SamplingOptions options;
  options.logit_bias = {{99, 1.0F}};
  EXPECT_TRUE(validate_tokens(options, 100));
  const auto result = validate_tokens(options, 99);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message(), "logit_bias: expected tokens of the vocabulary, 0 to 98, found 99");
}

TEST(Stages, Default_IsTheUsualOrder) {
  EXPECT_EQ(stages_text(default_stages()),
            "penalties;dry;top_n_sigma;top_k;typ_p;top_p;min_p;xtc;temperature");
}

TEST(Stages, Parse_ReadsWhatTextWrites) {
  EXPECT_EQ(*parse_stages(stages_text(default_stages())), default_stages());
  EXPECT_EQ(*parse_stages("min_p,temperature"), (std::vector<Stage>{Stage::kMinP, Stage::kTemperature}));
  EXPECT_EQ(*parse_stages("typical_p"), (std::vector<Stage>{Stage::kTypicalP}));
  EXPECT_TRUE(parse_stages("")->empty());
}

TEST(Stages, UnknownOrRepeatedName_IsRefused) {
  const auto unknown = parse_stages("top_k;tpo_p");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().message(),
            "samplers: expected some of penalties;dry;top_n_sigma;top_k;typ_p;top_p;min_p;xtc;temperature, "
            "found 'tpo_p'");
  const auto twice = parse_stages("top_k;min_p;top_k");
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().message(), "samplers: top_k stands twice");
  EXPECT_FALSE(parse_stages("top_k;;min_p"));
}

}  // namespace
}  // namespace hearth::sampling
