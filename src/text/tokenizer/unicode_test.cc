#include "text/tokenizer/unicode.h"

#include <gtest/gtest.h>

namespace hearth::text {
namespace {

// UAX #15, figures 3 to 6.
TEST(Unicode, Normalize_EachForm_IsUnicodes) {
  EXPECT_EQ(normalize("\u1E9B\u0323", NormalForm::kNfc), "\u1E9B\u0323");
  EXPECT_EQ(normalize("\u1E9B\u0323", NormalForm::kNfd), "\u017F\u0323\u0307");
  EXPECT_EQ(normalize("\u1E9B\u0323", NormalForm::kNfkc), "\u1E69");
  EXPECT_EQ(normalize("\u1E9B\u0323", NormalForm::kNfkd), "s\u0323\u0307");
  EXPECT_EQ(normalize("\uFB01", NormalForm::kNfkc), "fi");
  EXPECT_EQ(normalize("\uFB01", NormalForm::kNfc), "\uFB01");
}

TEST(Unicode, Normalize_MarksBehindAscii_Compose) {
  EXPECT_EQ(normalize("plain then e\u0301 and plain again", NormalForm::kNfc),
            "plain then \u00E9 and plain again");
  EXPECT_EQ(normalize("e\u0301", NormalForm::kNfc), "\u00E9");
  EXPECT_EQ(normalize("ABCDEFGe\u0301", NormalForm::kNfc), "ABCDEFG\u00E9");
  EXPECT_EQ(normalize("\u0301a", NormalForm::kNfc), "\u0301a");
  EXPECT_EQ(normalize("", NormalForm::kNfc), "");
}

TEST(Unicode, Normalize_BytesThatAreNoUtf8_Stay) {
  EXPECT_EQ(normalize("a\xFF\u00E9\xC3", NormalForm::kNfd),
            "a\xFF"
            "e\u0301\xC3");
  EXPECT_EQ(normalize("e\u0301\x80", NormalForm::kNfc), "\u00E9\x80");
}

TEST(Unicode, Classes_KnownCharacters_AreInTheirs) {
  for (const char32_t c :
       std::u32string_view(U" \t\n\u000B\u000C\r\u0085\u00A0\u1680\u2003\u2028\u2029\u202F\u205F\u3000")) {
    EXPECT_TRUE(is_white_space(c)) << static_cast<uint32_t>(c);
  }
  for (const char32_t c : std::u32string_view(U"a0_\u180E\u200B\uFEFF")) EXPECT_FALSE(is_white_space(c));
  EXPECT_TRUE(is_punctuation(U'\u2014') && is_punctuation(U'_') && is_punctuation(U'\u00BF'));
  EXPECT_FALSE(is_punctuation(U'$') || is_punctuation(U'a') || is_punctuation(U'+'));
  EXPECT_TRUE(is_ascii_punctuation('$') && is_ascii_punctuation('`') && is_ascii_punctuation('~'));
  EXPECT_FALSE(is_ascii_punctuation('a') || is_ascii_punctuation('0') || is_ascii_punctuation(' '));
  EXPECT_TRUE(is_numeric('7') && is_numeric(U'\u00B2') && is_numeric(U'\u2167'));
  EXPECT_FALSE(is_numeric('a') || is_numeric(U'\u4E09'));
  EXPECT_TRUE(is_word_character('_') && is_word_character(U'\u0301') && is_word_character(U'\u4E2D'));
  EXPECT_FALSE(is_word_character('-') || is_word_character(' ') || is_word_character(U'\u00B2'));
  EXPECT_TRUE(is_other_category(0) && is_other_category(U'\u200B') && is_other_category(0xE000));
  EXPECT_TRUE(is_nonspacing_mark(U'\u0301') && !is_nonspacing_mark(U'\u0903') &&
              is_combining_mark(U'\u0903'));
}

TEST(Unicode, Lower_FullMapping_ChangesLengths) {
  std::string out;
  for (const char32_t c : {U'A', U'\u00C4', U'\u0130', U'\u0416', U'1'}) append_lower(out, c);
  EXPECT_EQ(out, "a\u00E4i\u0307\u04361");
}

TEST(Unicode, Graphemes_ClustersAreWhole) {
  EXPECT_EQ(grapheme_length("a\u0301b"), 3U);
  EXPECT_EQ(grapheme_length("ab"), 1U);
  EXPECT_EQ(grapheme_length("\r\nx"), 2U);
  EXPECT_EQ(grapheme_length("\U0001F468\u200D\U0001F469x"), 11U);
  EXPECT_EQ(grapheme_length("\U0001F1E9\U0001F1EA\U0001F1EB"), 8U);
  EXPECT_EQ(grapheme_length("\xFF\u0301"), 1U);
  EXPECT_EQ(grapheme_length("a\xFF"), 1U);
}

TEST(Unicode, Runs_ValidAndInvalidBytes_ComeApart) {
  EXPECT_EQ(next_utf8_run("abcdefghijk\xFF").size, 11U);
  EXPECT_TRUE(next_utf8_run("abc").valid);
  EXPECT_EQ(next_utf8_run("\xFF\xFE"
                          "abc")
                .size,
            2U);
  EXPECT_FALSE(next_utf8_run("\xFF").valid);
}

}  // namespace
}  // namespace hearth::text
