#include "cli/parameters.h"

#include <gtest/gtest.h>

namespace hearth::cli {
namespace {

TEST(SetParameter, EachName_IsSetAndShown) {
  const std::pair<const char*, const char*> values[] = {
      {"temperature", "0.25"},    {"top_k", "7"},
      {"top_p", "0.5"},           {"min_p", "0.125"},
      {"typical_p", "0.5"},       {"repeat_penalty", "1.5"},
      {"presence_penalty", "-1"}, {"frequency_penalty", "2"},
      {"repeat_last_n", "-1"},    {"seed", "42"},
      {"num_predict", "9"},       {"num_ctx", "128"},
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

TEST(SetParameter, MistypedName_GetsTheNearest) {
  Parameters parameters;
  const auto result = set_parameter(parameters, "temprature", "1");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message(), "no parameter is named 'temprature'; did you mean temperature?");
}

}  // namespace
}  // namespace hearth::cli
