#include "cli/parameters.h"

#include <gtest/gtest.h>

namespace hearth::cli {
namespace {

TEST(SetParameter, EachName_IsSetAndShown) {
  const std::pair<const char*, const char*> values[] = {
      {"temperature", "0.25"},
      {"dynatemp_range", "0.5"},
      {"dynatemp_exponent", "2"},
      {"top_k", "7"},
      {"top_p", "0.5"},
      {"min_p", "0.125"},
      {"typical_p", "0.5"},
      {"top_n_sigma", "1.5"},
      {"xtc_probability", "0.5"},
      {"xtc_threshold", "0.25"},
      {"repeat_penalty", "1.5"},
      {"presence_penalty", "-1"},
      {"frequency_penalty", "2"},
      {"repeat_last_n", "-1"},
      {"dry_multiplier", "0.75"},
      {"dry_base", "2"},
      {"dry_allowed_length", "3"},
      {"dry_penalty_last_n", "256"},
      {"dry_sequence_breakers", R"(["\n","END"])"},
      {"mirostat", "2"},
      {"mirostat_tau", "3"},
      {"mirostat_eta", "0.25"},
      {"logit_bias", R"({"15":-1.5,"7":false})"},
      {"samplers", "top_k;temperature"},
      {"seed", "42"},
      {"num_predict", "9"},
      {"num_ctx", "128"},
      {"num_thread", "3"},
  };
  ASSERT_EQ(std::size(values), parameter_specs().size());
  for (size_t i = 0; i < std::size(values); ++i) {
    Parameters parameters;
    const auto [name, value] = values[i];
    const auto result = set_parameter(parameters, name, value);
    ASSERT_TRUE(result) << result.error().message();
    EXPECT_EQ(parameter_specs()[i].name, name);
    EXPECT_EQ(parameter_specs()[i].get(parameters), value) << name;
    for (size_t other = 0; other < std::size(values); ++other) {
      if (other == i) continue;
      EXPECT_EQ(parameter_specs()[other].get(parameters), parameter_specs()[other].get(Parameters{}))
          << name << " changed " << parameter_specs()[other].name;
    }
  }
}

TEST(SetParameter, DashesInTheName_AreUnderscores) {
  Parameters parameters;
  EXPECT_TRUE(set_parameter(parameters, "num-predict", "5"));
  EXPECT_EQ(parameters.num_predict, 5);
}

TEST(SetParameter, Stop_AddsOne) {
  Parameters parameters;
  EXPECT_TRUE(set_parameter(parameters, "stop", "END"));
  EXPECT_TRUE(set_parameter(parameters, "stop", "\n"));
  EXPECT_EQ(parameters.stop, (std::vector<std::string>{"END", "\n"}));
  EXPECT_FALSE(set_parameter(parameters, "stop", ""));
}

TEST(SetParameter, OutOfRange_NamesTheRangeAndChangesNothing) {
  Parameters parameters;
  const auto result = set_parameter(parameters, "top_p", "1.5");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::kUsage);
  EXPECT_EQ(result.error().message(), "top_p: expected 0 to 1, found '1.5'");
  EXPECT_EQ(parameters.sampling.top_p, Parameters{}.sampling.top_p);
}

TEST(SetParameter, NoNumber_IsRefused) {
  for (const char* text : {"", "x", "1x", " 1", "0x10", "nan", "99999999999999999999"}) {
    Parameters parameters;
    EXPECT_FALSE(set_parameter(parameters, "top_k", text)) << text;
    EXPECT_FALSE(set_parameter(parameters, "num_ctx", text)) << text;
  }
  Parameters parameters;
  EXPECT_FALSE(set_parameter(parameters, "temperature", "nan"));
  EXPECT_FALSE(set_parameter(parameters, "temperature", "inf"));
  EXPECT_FALSE(set_parameter(parameters, "top_k", "1.5"));
}

TEST(SetParameter, TextThatIsNoListOrMap_IsRefused) {
  Parameters parameters;
  for (const char* text : {"", "1", "[1]", R"([""])", R"(["a")", R"({"a":"b"})"})
    EXPECT_FALSE(set_parameter(parameters, "dry_sequence_breakers", text)) << text;
  for (const char* text :
       {"", "[]", R"({"x":1})", R"({"1":"x"})", R"({"1":true})", R"({"1":1e99})", R"({"1":1)"})
    EXPECT_FALSE(set_parameter(parameters, "logit_bias", text)) << text;
  for (const char* text : {"top_x", "top_k;top_k", "top_k top_p"})
    EXPECT_FALSE(set_parameter(parameters, "samplers", text)) << text;
}

TEST(SetParameter, MistypedName_GetsTheNearest) {
  Parameters parameters;
  const auto result = set_parameter(parameters, "temprature", "1");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message(), "no parameter is named 'temprature'; did you mean temperature?");
}

}  // namespace
}  // namespace hearth::cli
