#include "text/tokenizer/pre_tokenizer.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/sanitized.h"

namespace hearth::text {
namespace {

using Words = std::vector<std::string>;

Words split(std::string_view rule_name, std::string_view text) {
  const PreTokenizerRule* rule = find_pre_tokenizer_rule(rule_name);
  EXPECT_NE(rule, nullptr) << rule_name;
  auto pre_tokenizer = PreTokenizer::create(*rule);
  EXPECT_TRUE(pre_tokenizer) << (pre_tokenizer ? "" : pre_tokenizer.error().message());
  PreTokenizer::Session session(*pre_tokenizer);
  Words words;
  session.split(text, [&](std::string_view word) { words.emplace_back(word); });
  return words;
}

TEST(PreTokenizer, Gpt2_Words_TakeTheSpaceBeforeThem) {
  EXPECT_EQ(split("gpt-2", "I'm  here, 2023"), (Words{"I", "'m", " ", " here", ",", " 2023"}));
  EXPECT_EQ(split("gpt-2", "a\n\n b"), (Words{"a", "\n\n", " b"}));
  EXPECT_EQ(split("gpt-2", "a\tb "), (Words{"a", "\t", "b", " "}));
}

TEST(PreTokenizer, Llama3_Digits_GoInThrees) {
  EXPECT_EQ(split("llama-bpe", "12345 I'LL\n x"), (Words{"123", "45", " I", "'LL", "\n", " x"}));
  EXPECT_EQ(split("llama3", "(a)\r\n\r\nb"), (Words{"(a", ")\r\n\r\n", "b"}));
}

TEST(PreTokenizer, Qwen2_Digits_GoAlone) {
  EXPECT_EQ(split("qwen2", "12 ab"), (Words{"1", "2", " ab"}));
}

TEST(PreTokenizer, Gpt4o_Case_CutsWords) {
  EXPECT_EQ(split("gpt-4o", "camelCase HTTPServer it's"), (Words{"camel", "Case", " HTTPServer", " it's"}));
  EXPECT_EQ(split("tekken", "camelCase 12"), (Words{"camel", "Case", " ", "1", "2"}));
}

TEST(PreTokenizer, DeepseekV3_HanAndDigits_AreCutOut) {
  EXPECT_EQ(split("deepseek-v3", "a\u4E2D\u6587b1234"), (Words{"a", "\u4E2D\u6587", "b", "123", "4"}));
  EXPECT_EQ(split("deepseek-llm", "ab \u4E2D1\n 5"), (Words{"ab", " ", "\u4E2D", "1", "\n", " ", "5"}));
}

TEST(PreTokenizer, Starcoder_EachStage_SeesOnlyWhatTheLastLeft) {
  EXPECT_EQ(split("starcoder", "a 12"), (Words{"a", " ", "1", "2"}));
}

TEST(PreTokenizer, NumbersFromTheRight_GoInThrees) {
  for (const char* rule : {"afmoe", "tiny_aya", "superbpe"}) {
    EXPECT_EQ(split(rule, "1234567"), (Words{"1", "234", "567"})) << rule;
    EXPECT_EQ(split(rule, "123456"), (Words{"123", "456"})) << rule;
    EXPECT_EQ(split(rule, "12"), Words{"12"}) << rule;
  }
  EXPECT_EQ(split("tiny_aya", "1234ab"), (Words{"123", "4", "ab"}));  // a letter follows: from the left
}

TEST(PreTokenizer, KimiK2_Han_StandsApart) {
  EXPECT_EQ(split("kimi-k2", "ab\u4E2D\u6587cd  \u4E2D"),
            (Words{"ab", "\u4E2D\u6587", "cd", " ", " ", "\u4E2D"}));
}

TEST(PreTokenizer, Jais2_Spaces_GoInPowersOfTwo) {
  EXPECT_EQ(split("jais-2", "a" + std::string(8, ' ') + "b"), (Words{"a", "    ", "  ", " ", " b"}));
  EXPECT_EQ(split("jais-2", std::string(20, ' ')), (Words{std::string(16, ' '), "    "}));
  EXPECT_EQ(split("jais-2", "a   \n  b"), (Words{"a", "   \n", " ", " b"}));
}

TEST(PreTokenizer, Gemma4_Lines_AreWords) {
  for (const char* rule : {"gemma4", "sarvam-moe"}) {
    EXPECT_EQ(split(rule, "a b,\r\n\n\n c"), (Words{"a b,\r", "\n\n\n", " c"})) << rule;
  }
}

TEST(PreTokenizer, K2Horizon_MarksAndJoiners_StayInTheirWords) {
  const std::string word = "\u0915\u094D\u200D\u0937\u093F";
  EXPECT_EQ(split("k2-horizon", "I'm " + word + " 1234"), (Words{"I", "'m", " " + word, " ", "123", "4"}));
  EXPECT_EQ(split("k2-horizon", "a\u200Cb!\n"), (Words{"a\u200Cb", "!\n"}));
}

TEST(PreTokenizer, UnicodeLettersAndSpaces_AreLettersAndSpaces) {
  EXPECT_EQ(split("llama-bpe", "\u00C4pfel \u043D\u0430\u00A0x"),
            (Words{"\u00C4pfel", " \u043D\u0430", "\u00A0x"}));
}

TEST(PreTokenizer, InvalidBytes_AreWordsOfTheirOwn) {
  EXPECT_EQ(split("gpt-2", "ab\xFF\xC3 c\xE4\xB8"), (Words{"ab", "\xFF\xC3", " c", "\xE4\xB8"}));
  EXPECT_EQ(split("gpt-2", "\x80"), (Words{"\x80"}));
  EXPECT_EQ(split("gpt-2", "eight of\xED\xA0\x80"), (Words{"eight", " of", "\xED\xA0\x80"}));
  EXPECT_EQ(split("gpt-2", ""), Words{});
  EXPECT_EQ(split("gpt-2", std::string_view("a\0b", 3)), (Words{"a", std::string(1, '\0'), "b"}));
}

TEST(PreTokenizer, FindRule_AbsentName_IsTheDefault) {
  EXPECT_EQ(find_pre_tokenizer_rule(""), find_pre_tokenizer_rule("default"));
  EXPECT_EQ(find_pre_tokenizer_rule("no such rule"), nullptr);
}

TEST(PreTokenizerRules, Names_AreUnique) {
  std::set<std::string_view> names;
  for (const PreTokenizerRule& rule : pre_tokenizer_rules()) {
    for (const std::string_view name : rule.names) EXPECT_TRUE(names.insert(name).second) << name;
  }
}

class EveryRule : public ::testing::TestWithParam<std::string_view> {};

TEST_P(EveryRule, Split_AnyText_LosesNothing) {
  const std::string text =
      "Hi, it's\t42 \u4E2D\u6587\n\n  x\u0301 \xFF <a>  " + std::string("\0 ", 2) + "\u3000END ";
  std::string joined;
  for (const std::string& word : split(GetParam(), text)) {
    EXPECT_FALSE(word.empty());
    joined += word;
  }
  EXPECT_EQ(joined, text);
}

// 256 KiB each of what makes expressions run far, or back. A quadratic rule would need an hour.
TEST_P(EveryRule, Split_LongRuns_EndsSoon) {
  constexpr size_t kSize = size_t{1} << (testing::kSanitized ? 15 : 18);
  for (const std::string_view unit :
       {"a", "A", "aA", " ", "\n", " \n", "1", "!", "\u4E2D", "\u0301", "a ", "\xFF", "'"}) {
    std::string text;
    while (text.size() < kSize) text += unit;
    for (const std::string_view tail : {"", "a", "1"}) {
      const std::string whole = text + std::string(tail);
      size_t n_bytes = 0;
      for (const std::string& word : split(GetParam(), whole)) n_bytes += word.size();
      ASSERT_EQ(n_bytes, whole.size()) << unit << tail;
    }
  }
}

std::vector<std::string_view> first_names() {
  std::vector<std::string_view> names;
  for (const PreTokenizerRule& rule : pre_tokenizer_rules()) names.push_back(rule.names.front());
  return names;
}
INSTANTIATE_TEST_SUITE_P(Rules, EveryRule, ::testing::ValuesIn(first_names()), [](const auto& param) {
  std::string name(param.param);
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
});

}  // namespace
}  // namespace hearth::text
