#include "text/grammar/json_numbers.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace hearth::text::grammar {
namespace {

Decimal decimal(std::string_view text) {
  return decimal_of(nlohmann::ordered_json::parse(text));
}

TEST(JsonNumbers, CanonicalTexts_AreThoseOfRfc8785) {
  for (const auto& [text, expected] :
       std::vector<std::pair<std::string, std::string>>{{"0", "0"},
                                                        {"-0.0", "0"},
                                                        {"1.0", "1"},
                                                        {"-2.50", "-2.5"},
                                                        {"1e20", "100000000000000000000"},
                                                        {"1e21", "1e+21"},
                                                        {"1.5e300", "1.5e+300"},
                                                        {"0.000001", "0.000001"},
                                                        {"1e-7", "1e-7"},
                                                        {"12.5e-9", "1.25e-8"},
                                                        {"9007199254740993", "9007199254740993"},
                                                        {"-9223372036854775808", "-9223372036854775808"},
                                                        {"18446744073709551615", "18446744073709551615"},
                                                        {"333333333.33333329", "333333333.3333333"},
                                                        {"123456789012345680000", "123456789012345680000"}}) {
    EXPECT_EQ(canonical_text(decimal(text)), expected);
    EXPECT_TRUE(all_numbers().accepts(expected)) << expected;
  }
}

TEST(JsonNumbers, OtherTexts_AreNone) {
  for (const char* text : {"",
                           "-",
                           "-0",
                           "00",
                           "01",
                           "1.",
                           ".5",
                           "1.0",
                           "1.50",
                           "1e5",
                           "1E+21",
                           "1e21",
                           "1e+20",
                           "1e-6",
                           "0.0000001",
                           "1e+309",
                           "1.8e+308",
                           "1e-308",
                           "1e+1000",
                           "10e+21",
                           "0e+21",
                           "1.0e+21",
                           "1.234567890123456789",
                           "1234567890123456789012",
                           "NaN",
                           "1 "})
    EXPECT_FALSE(all_numbers().accepts(text)) << text;
}

// Of each pair of numbers in order, by each bound among them.
TEST(JsonNumbers, Bounds_CompareValues) {
  const std::vector<std::string> texts{"-1.6e+308",
                                       "-1e+21",
                                       "-100000000000000000000",
                                       "-1000",
                                       "-12.5",
                                       "-12",
                                       "-9",
                                       "-1.1",
                                       "-1",
                                       "-0.5",
                                       "-0.000001",
                                       "-9e-7",
                                       "-1e-300",
                                       "0",
                                       "1e-300",
                                       "2e-300",
                                       "1e-8",
                                       "9.5e-8",
                                       "1e-7",
                                       "9e-7",
                                       "0.000001",
                                       "0.0000015",
                                       "0.01",
                                       "0.1",
                                       "0.11",
                                       "0.9",
                                       "1",
                                       "1.0001",
                                       "1.1",
                                       "1.11",
                                       "9",
                                       "9.99",
                                       "10",
                                       "12",
                                       "12.5",
                                       "99",
                                       "100",
                                       "9007199254740993",
                                       "100000000000000000000",
                                       "1e+21",
                                       "1.5e+21",
                                       "2e+21",
                                       "1e+22",
                                       "9e+99",
                                       "1e+100",
                                       "1.6e+308"};
  for (size_t i = 0; i < texts.size(); ++i) {
    const Decimal bound = decimal(texts[i]);
    const auto above = numbers_above(bound, /*or_equal=*/false);
    const auto from = numbers_above(bound, /*or_equal=*/true);
    ASSERT_TRUE(above);
    ASSERT_TRUE(from);
    for (size_t k = 0; k < texts.size(); ++k) {
      EXPECT_EQ(above->accepts(texts[k]), k > i) << texts[k] << " > " << texts[i];
      EXPECT_EQ(from->accepts(texts[k]), k >= i) << texts[k] << " >= " << texts[i];
    }
    EXPECT_FALSE(above->accepts("1e+999"));
  }
}

TEST(JsonNumbers, Multiples_AreDecimal) {
  const auto check = [](std::string_view divisor, std::string_view text) {
    const auto dfa = multiples_of(decimal(divisor));
    if (!dfa) ADD_FAILURE() << dfa.error().message();
    return dfa && dfa->accepts(text);
  };
  EXPECT_TRUE(check("3", "999"));
  EXPECT_TRUE(check("3", "-12"));
  EXPECT_TRUE(check("3", "0"));
  EXPECT_FALSE(check("3", "1000"));
  EXPECT_FALSE(check("3", "3.3"));
  EXPECT_TRUE(check("1.5", "4.5"));
  EXPECT_FALSE(check("1.5", "35"));
  EXPECT_TRUE(check("0.0001", "0.0075"));
  EXPECT_FALSE(check("0.0001", "0.00751"));
  EXPECT_TRUE(check("0.01", "19.99"));
  EXPECT_TRUE(check("100", "1200"));
  EXPECT_FALSE(check("100", "1250"));
  EXPECT_TRUE(check("1e-8", "12391239123"));
  EXPECT_FALSE(check("3", "-"));
  EXPECT_EQ(multiples_of(decimal("0.123456789")).error().code(), ErrorCode::kUnsupported);
}

TEST(JsonNumbers, Integers_AreThoseInValue) {
  EXPECT_TRUE(plain_integers().accepts("-9223372036854775808"));
  EXPECT_FALSE(plain_integers().accepts("1e+21"));
  EXPECT_TRUE(integers().accepts("1.5e+21"));
  EXPECT_FALSE(integers().accepts("1.5"));
  EXPECT_TRUE(exact_numbers().accepts("123456.789012345"));
  EXPECT_FALSE(exact_numbers().accepts("123456.7890123456"));
}

}  // namespace
}  // namespace hearth::text::grammar
