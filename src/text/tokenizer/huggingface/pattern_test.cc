#include "text/tokenizer/huggingface/pattern.h"

#include <gtest/gtest.h>

namespace hearth::text {
namespace {

TEST(Oniguruma, Translate_WhatPcre2ReadsAlike_Stays) {
  for (const char* expression : {R"((?i:'s|'t)|[^\r\n\p{L}\p{N}]?\p{L}+|\s+(?!\S))", "[]a]", "[a-z[:alpha:]]",
                                 R"(\[[\]\[]\])", "[^^]", "a{1,3}"}) {
    const std::string translated = translate_oniguruma(expression);
    if (std::string_view(expression) != "[]a]") {
      EXPECT_EQ(translated, expression);
    }
    EXPECT_TRUE(Regex::compile(translated)) << translated;
  }
}

// Which of `characters` an expression of one character matches.
std::string matched(std::string_view expression, std::string_view characters) {
  const auto regex = Regex::compile("\\A(?:" + translate_oniguruma(expression) + ")\\z");
  EXPECT_TRUE(regex) << translate_oniguruma(expression);
  if (!regex) return "";
  Regex::Matcher matcher(*regex);
  std::string out;
  for (const char c : characters) {
    if (matcher.find({&c, 1}, 0)) out.push_back(c);
  }
  return out;
}

TEST(Oniguruma, Classes_NestAndIntersect) {
  EXPECT_EQ(matched("[a-f&&[^c]]", "abcdefg"), "abdef");
  EXPECT_EQ(matched("[^a-f&&[c-z]]", "abcdwxyz9"), "abwxyz9");
  EXPECT_EQ(matched("[ab[xy]]", "abcxyz"), "abxy");
  EXPECT_EQ(matched("[^ab[xy]]", "abcxyz"), "cz");
  EXPECT_EQ(matched("[a-z&&b-y&&c-x]", "abcdwxyz"), "cdwx");
  EXPECT_EQ(matched(R"([\p{L}&&[^\p{Lu}]])", "aBcD1"), "ac");
  EXPECT_EQ(matched(R"(\h)", "09afAFgG"), "09afAF");
  EXPECT_EQ(matched(R"([\hx])", "0fgx"), "0fx");
  EXPECT_EQ(matched(R"(\w)", "a1_- "), "a1_");
  EXPECT_EQ(matched(R"(\u0041)", "AB"), "A");
}

TEST(Oniguruma, BrokenClasses_AreLeftToPcre2) {
  for (const char* expression : {"[", "[^", "[a", "[[a]", "[a&&", "\\", "[\\", "[&&]", "[]", "[^]"}) {
    const auto regex = Regex::compile(translate_oniguruma(expression));
    if (!regex) {
      EXPECT_EQ(regex.error().code(), ErrorCode::kUnsupported) << expression;
    }
  }
  EXPECT_FALSE(Regex::compile(translate_oniguruma("[a")));
}

TEST(Quote, AnyText_MatchesItselfOnly) {
  const std::string text = std::string("a.*[x]\\ \n\0-\u00E9", 13);
  const auto regex = Regex::compile(quote_for_regex(text));
  ASSERT_TRUE(regex);
  Regex::Matcher matcher(*regex);
  const auto match = matcher.find("__" + text + "__", 0);
  ASSERT_TRUE(match);
  EXPECT_EQ(match->begin, 2U);
  EXPECT_EQ(match->end, 2 + text.size());
  EXPECT_FALSE(matcher.find("axx[x]", 0));
}

}  // namespace
}  // namespace hearth::text
