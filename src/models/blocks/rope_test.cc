#include "models/blocks/rope.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/gguf_writer.h"

namespace hearth::models {
namespace {

using tensor::RopeStyle;

RopeConfig config_of(RopeScaling scaling, double factor) {
  RopeConfig config;
  config.n_rotated = 64;
  config.scaling = scaling;
  config.factor = factor;
  config.original_context_tokens = 4096;
  return config;
}

TEST(Rope, NoScaling_Frequencies_ArePowersOfTheBase) {
  const Rope rope(config_of(RopeScaling::kNone, 1), RopeStyle::kHalves, {});
  const tensor::RopeArgs args = rope.args();
  ASSERT_EQ(args.inverse_frequencies.size(), 32U);
  EXPECT_EQ(args.n_rotated, 64);
  EXPECT_FLOAT_EQ(args.inverse_frequencies[0], 1.0F);
  EXPECT_FLOAT_EQ(args.inverse_frequencies[16], 0.01F);  // 10000^(-32/64)
  EXPECT_FLOAT_EQ(args.magnitude, 1.0F);
}

TEST(Rope, LinearScaling_EveryFrequency_IsDivided) {
  const Rope plain(config_of(RopeScaling::kNone, 1), RopeStyle::kHalves, {});
  const Rope linear(config_of(RopeScaling::kLinear, 4), RopeStyle::kHalves, {});
  for (size_t i = 0; i < 32; ++i) {
    EXPECT_FLOAT_EQ(linear.args().inverse_frequencies[i], plain.args().inverse_frequencies[i] / 4);
  }
  EXPECT_FLOAT_EQ(linear.args().magnitude, 1.0F);
}

TEST(Rope, FrequencyFactors_Divide_EachItsOwn) {
  std::vector<float> factors(32, 1.0F);
  factors[5] = 8.0F;
  const Rope plain(config_of(RopeScaling::kNone, 1), RopeStyle::kHalves, {});
  const Rope scaled(config_of(RopeScaling::kNone, 1), RopeStyle::kHalves, factors);
  EXPECT_FLOAT_EQ(scaled.args().inverse_frequencies[5], plain.args().inverse_frequencies[5] / 8);
  EXPECT_FLOAT_EQ(scaled.args().inverse_frequencies[6], plain.args().inverse_frequencies[6]);
}

// As files with LongRoPE have it (arXiv:2402.13753), without a type of scaling.
TEST(Rope, AttentionFactor_WithoutScaling_IsTheMagnitude) {
  RopeConfig config = config_of(RopeScaling::kNone, 1);
  config.attention_factor = 1.19;
  EXPECT_FLOAT_EQ(Rope(config, RopeStyle::kHalves, {}).args().magnitude, 1.19F);
}

// YaRN leaves pairs that turn more than 32 times over the original context, interpolates those that turn less
// than once, and ramps between: the paper's own description, evaluated from the turns and not from the code's
// formula.
TEST(Rope, Yarn_FastAndSlowPairs_AreLeftAndInterpolated) {
  const Rope plain(config_of(RopeScaling::kNone, 1), RopeStyle::kHalves, {});
  const Rope yarn(config_of(RopeScaling::kYarn, 4), RopeStyle::kHalves, {});
  float previous_share = 1.0F;
  for (size_t i = 0; i < 32; ++i) {
    const float original = plain.args().inverse_frequencies[i];
    const float scaled = yarn.args().inverse_frequencies[i];
    const double turns = 4096 * static_cast<double>(original) / (2 * 3.14159265358979);
    if (turns > 32 * 1.4) {
      EXPECT_FLOAT_EQ(scaled, original) << i;
    } else if (turns < 1 / 1.4) {
      EXPECT_FLOAT_EQ(scaled, original / 4) << i;
    }
    const float share = scaled / original;
    EXPECT_LE(share, previous_share) << i;
    previous_share = share;
  }
  EXPECT_FLOAT_EQ(yarn.args().magnitude, 1.0F + 0.1F * std::log(4.0F));
}

Result<RopeConfig> read(testing::GgufWriter writer) {
  const std::string bytes = writer.add_string("general.architecture", "x").build();
  const auto file = gguf::File::parse(std::as_bytes(std::span(bytes)), "x.gguf");
  EXPECT_TRUE(file);
  return read_rope_config(*file, "x", 64, 8192);
}

TEST(RopeConfig, KeysOfGguf_AreRead) {
  const auto config = read(testing::GgufWriter()
                               .add_u32("x.rope.dimension_count", 32)
                               .add_f32("x.rope.freq_base", 500000.0F)
                               .add_string("x.rope.scaling.type", "yarn")
                               .add_f32("x.rope.scaling.factor", 8.0F)
                               .add_u32("x.rope.scaling.original_context_length", 2048));
  ASSERT_TRUE(config);
  EXPECT_EQ(config->n_rotated, 32);
  EXPECT_EQ(config->frequency_base, 500000.0);
  EXPECT_EQ(config->scaling, RopeScaling::kYarn);
  EXPECT_EQ(config->factor, 8.0);
  EXPECT_EQ(config->original_context_tokens, 2048);
}

TEST(RopeConfig, OldLinearKey_WithoutAType_IsLinear) {
  const auto config = read(testing::GgufWriter().add_f32("x.rope.scale_linear", 2.0F));
  ASSERT_TRUE(config);
  EXPECT_EQ(config->scaling, RopeScaling::kLinear);
  EXPECT_EQ(config->factor, 2.0);
}

TEST(RopeConfig, NonsenseValues_AreRefusedByKey) {
  const auto expect_refused = [](const testing::GgufWriter& writer, const char* part) {
    const auto config = read(writer);
    ASSERT_FALSE(config) << part;
    EXPECT_NE(config.error().message().find(part), std::string::npos) << config.error().message();
  };
  expect_refused(testing::GgufWriter().add_f32("x.rope.freq_base", 0.0F), "freq_base");
  expect_refused(testing::GgufWriter().add_f32("x.rope.freq_base", std::nanf("")), "freq_base");
  expect_refused(testing::GgufWriter().add_f32("x.rope.scaling.factor", -4.0F), "scaling.factor");
  expect_refused(testing::GgufWriter().add_f32("x.rope.scaling.factor", INFINITY), "scaling.factor");
  expect_refused(testing::GgufWriter().add_string("x.rope.scaling.type", "magic"), "'magic'");
  expect_refused(testing::GgufWriter().add_u32("x.rope.dimension_count", 66), "dimension_count");
  expect_refused(testing::GgufWriter().add_u32("x.rope.scaling.original_context_length", 0),
                 "original_context");
}

}  // namespace
}  // namespace hearth::models
