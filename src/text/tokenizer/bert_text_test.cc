#include "text/tokenizer/bert_text.h"

#include <gtest/gtest.h>

#include <vector>

namespace hearth::text {
namespace {

using Words = std::vector<std::string>;

Words words_of(std::string_view text) {
  Words words;
  split_for_bert(text, [&](std::string_view word) { words.emplace_back(word); });
  return words;
}

TEST(BertText, Normalize_Accents_GoAndCaseTurnsLower) {
  EXPECT_EQ(normalize_for_bert("H\u00C9llo", {}), "hello");
  EXPECT_EQ(normalize_for_bert("He\u0301llo", {}), "hello");
  EXPECT_EQ(normalize_for_bert("\u0130stanbul", {}), "istanbul");
  EXPECT_EQ(normalize_for_bert("\u0391\u0386", {}), "\u03B1\u03B1");
  // Hangul syllables come apart, as they do in BERT's uncased models.
  EXPECT_EQ(normalize_for_bert("\uD55C", {}), "\u1112\u1161\u11AB");
}

TEST(BertText, Normalize_Parts_GoOneByOne) {
  EXPECT_EQ(normalize_for_bert("\u00C9\t\u4E2D", {.strip_accents = false}), "\u00E9  \u4E2D ");
  EXPECT_EQ(normalize_for_bert("\u00C9\t\u4E2D", {.lowercase = false}), "E  \u4E2D ");
  EXPECT_EQ(normalize_for_bert("\u00C9\t\u4E2D", {.handle_chinese_chars = false}), "e \u4E2D");
  EXPECT_EQ(normalize_for_bert("\u00C9\t\u4E2D", {.clean_text = false}), "e\t \u4E2D ");
  EXPECT_EQ(normalize_for_bert("\u0130", {.strip_accents = false}), "i\u0307");
}

TEST(BertText, Normalize_WhatCannotBeShown_GoesAway) {
  EXPECT_EQ(normalize_for_bert(std::string_view("a\0b\x01\uFFFD\u200Bc\u00ADd", 14), {}), "abcd");
  EXPECT_EQ(normalize_for_bert("a\r\n\u00A0\u3000b", {}), "a    b");
  EXPECT_EQ(normalize_for_bert("a\xFF\xC3z", {}), "az");
  EXPECT_EQ(normalize_for_bert("a\xFFZ", {.clean_text = false}), "a\xFFz");
}

TEST(BertText, Normalize_Kana_StaysTogether) {
  EXPECT_EQ(normalize_for_bert("\u4E2D\u6587", {}), " \u4E2D  \u6587 ");
  EXPECT_EQ(normalize_for_bert("\u30AB\u30CA", {}), "\u30AB\u30CA");
}

TEST(BertText, Split_Punctuation_StandsAlone) {
  EXPECT_EQ(words_of("it's a $5 \u00ABtest\u00BB."),
            (Words{"it", "'", "s", "a", "$", "5", "\u00AB", "test", "\u00BB", "."}));
  EXPECT_EQ(words_of("  a \n b\u3000"), (Words{"a", "b"}));
  EXPECT_EQ(words_of("\u20AC5"), Words{"\u20AC5"});  // a symbol beyond ASCII is no punctuation
  EXPECT_EQ(words_of(" \t"), Words{});
  EXPECT_EQ(words_of(""), Words{});
}

}  // namespace
}  // namespace hearth::text
