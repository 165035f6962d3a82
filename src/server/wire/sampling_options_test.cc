#include "server/wire/sampling_options.h"

#include <gtest/gtest.h>

#include <cmath>

namespace hearth::server::wire {
namespace {

struct Read {
  protocol::Sampling sampling;
  std::string error;
};

Read read(const std::string& options) {
  auto body = JsonBody::parse(R"({"options":)" + options + "}");
  if (!body) return {{}, body.error().message};
  Read result;
  read_sampling((*body)["options"], result.sampling);
  if (const auto checked = body->check(); !checked) result.error = checked.error().message;
  return result;
}

TEST(ReadSampling, EveryOption_IsRead) {
  const Read result = read(R"({
    "temperature":0.5,"dynatemp_range":0.25,"dynatemp_exponent":2,"top_k":7,"top_p":0.5,"min_p":0.125,"typical_p":0.75,
    "top_n_sigma":1,"xtc_probability":0.5,"xtc_threshold":0.25,"repeat_penalty":1.5,"presence_penalty":-1,
    "frequency_penalty":0.5,"repeat_last_n":-1,"dry_multiplier":0.5,"dry_base":2,"dry_allowed_length":3,
    "dry_penalty_last_n":9,"dry_sequence_breakers":["x"],"mirostat":2,"mirostat_tau":4,"mirostat_eta":0.5,"seed":-5,
    "samplers":["top_k","temperature"],"logit_bias":{"5":1.5,"6":false}})");
  EXPECT_EQ(result.error, "");
  const protocol::Sampling& s = result.sampling;
  EXPECT_EQ(s.temperature(), 0.5F);
  EXPECT_EQ(s.dynatemp_range(), 0.25F);
  EXPECT_EQ(s.dynatemp_exponent(), 2.0F);
  EXPECT_EQ(s.top_k(), 7);
  EXPECT_EQ(s.top_p(), 0.5F);
  EXPECT_EQ(s.min_p(), 0.125F);
  EXPECT_EQ(s.typical_p(), 0.75F);
  EXPECT_EQ(s.top_n_sigma(), 1.0F);
  EXPECT_EQ(s.xtc_probability(), 0.5F);
  EXPECT_EQ(s.xtc_threshold(), 0.25F);
  EXPECT_EQ(s.repeat_penalty(), 1.5F);
  EXPECT_EQ(s.presence_penalty(), -1.0F);
  EXPECT_EQ(s.frequency_penalty(), 0.5F);
  EXPECT_EQ(s.repeat_last_n(), -1);
  EXPECT_EQ(s.dry_multiplier(), 0.5F);
  EXPECT_EQ(s.dry_base(), 2.0F);
  EXPECT_EQ(s.dry_allowed_length(), 3);
  EXPECT_EQ(s.dry_penalty_last_n(), 9);
  ASSERT_EQ(s.dry_sequence_breakers().texts_size(), 1);
  EXPECT_EQ(s.mirostat(), 2);
  EXPECT_EQ(s.mirostat_tau(), 4.0F);
  EXPECT_EQ(s.mirostat_eta(), 0.5F);
  EXPECT_EQ(s.seed(), -5);
  EXPECT_EQ(s.samplers(), "top_k;temperature");
  ASSERT_EQ(s.logit_bias_size(), 2);
  EXPECT_EQ(s.logit_bias(0).bias(), 1.5F);
  EXPECT_TRUE(std::isinf(s.logit_bias(1).bias()));
}

TEST(ReadSampling, AbsentOptions_StayAbsent) {
  for (const char* options : {"null", "{}", R"({"temperature":null,"unknown":[1]})"}) {
    const Read result = read(options);
    EXPECT_EQ(result.error, "");
    EXPECT_EQ(result.sampling.ByteSizeLong(), 0U) << options;
  }
}

TEST(ReadSampling, WrongValues_AreToldWithTheirPath) {
  EXPECT_EQ(read(R"({"top_k":"x"})").error, "options.top_k: expected an integer, found \"x\"");
  EXPECT_EQ(read(R"({"top_p":1.5})").error, "options.top_p: expected a number from 0 to 1, found 1.5");
  EXPECT_EQ(read("[]").error, "options: expected an object, found a list");
  for (const char* options :
       {R"({"temperature":-1})", R"({"temperature":1e308})", R"({"top_k":2147483648})", R"({"top_k":1e308})",
        R"({"repeat_penalty":0})", R"({"mirostat":3})", R"({"seed":9223372036854775808})", R"({"seed":1.5})",
        R"({"samplers":["x"]})", R"({"samplers":["top_k","top_k"]})", R"({"logit_bias":{"x":1}})",
        R"({"logit_bias":{"1":"y"}})", R"({"logit_bias":[[1]]})",
        R"({"logit_bias":[[18446744073709551615,1]]})", R"({"logit_bias":{"-1":1}})",
        R"({"logit_bias":{"1":1e308}})", R"({"logit_bias":7})", R"({"dry_sequence_breakers":[""]})",
        R"({"repeat_last_n":-2})"}) {
    EXPECT_NE(read(options).error, "") << options;
  }
}

TEST(ReadSampling, LogitBiasAsPairs_IsRead) {
  const Read result = read(R"({"logit_bias":[[15043,1.0],[7,false],[8,-100]]})");
  EXPECT_EQ(result.error, "");
  ASSERT_EQ(result.sampling.logit_bias_size(), 3);
  EXPECT_EQ(result.sampling.logit_bias(0).token(), 15043);
}

}  // namespace
}  // namespace hearth::server::wire
