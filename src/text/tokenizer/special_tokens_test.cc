#include "text/tokenizer/special_tokens.h"

#include <gtest/gtest.h>

namespace hearth::text {
namespace {

class SpecialTokensTest : public ::testing::Test {
 protected:
  void add(std::initializer_list<std::string_view> texts) {
    std::vector<TokenId> ids;
    for (const std::string_view text : texts) {
      EXPECT_TRUE(symbols_.append(text));
      ids.push_back(static_cast<TokenId>(symbols_.size()) - 1);
    }
    tokens_ = SpecialTokens(symbols_, ids);
  }
  // "begin:id" of the first match, "" if there is none.
  std::string find(std::string_view text, size_t from = 0) const {
    const auto match = tokens_.find(symbols_, text, from);
    if (!match) return "";
    EXPECT_EQ(text.substr(match->begin, match->length), symbols_.bytes(match->id));
    return fmt::format("{}:{}", match->begin, match->id);
  }

  SymbolTable symbols_;
  SpecialTokens tokens_;
};

TEST_F(SpecialTokensTest, Find_NoTokens_FindsNothing) {
  EXPECT_EQ(find("<s>"), "");
}

TEST_F(SpecialTokensTest, Find_SeveralBeginHere_TakesTheLongest) {
  add({"<a", "<a>b", "<a>"});
  EXPECT_EQ(find("x<a>b"), "1:1");
  EXPECT_EQ(find("x<a>c"), "1:2");
  EXPECT_EQ(find("x<ab"), "1:0");
  EXPECT_EQ(find("x<a"), "1:0");
  EXPECT_EQ(find("x<"), "");
}

TEST_F(SpecialTokensTest, Find_LongerOneFurtherRight_TakesTheLeftmost) {
  add({"ab", "bcdef"});
  EXPECT_EQ(find("abcdef"), "0:0");
  EXPECT_EQ(find("abcdef", 1), "1:1");
}

TEST_F(SpecialTokensTest, Find_FromBehindTheLast_FindsNothing) {
  add({"ab"});
  EXPECT_EQ(find("ab", 1), "");
  EXPECT_EQ(find("ab", 2), "");
}

TEST_F(SpecialTokensTest, Find_EmptyAndDoubledTokens_GivesTheFirstThatHasText) {
  add({"", "ab", "ab", "\xFF"});
  EXPECT_EQ(find("ab"), "0:1");
  EXPECT_EQ(find("x\xFFy"), "1:3");
  EXPECT_EQ(find("x"), "");
}

TEST(EndMarkers, KnownOnes_AreMarkers) {
  for (const char* text : {"</s>", "<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|end|>"}) {
    EXPECT_TRUE(is_end_marker(text)) << text;
  }
  for (const char* text : {"", "<s>", "<|im_start|>", "<|im_end|", "s"})
    EXPECT_FALSE(is_end_marker(text)) << text;
}

}  // namespace
}  // namespace hearth::text
