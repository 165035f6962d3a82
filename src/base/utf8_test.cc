#include "base/utf8.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(Utf8, RoundTrip_EveryCodePoint_IsItself) {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text;
    append_utf8(text, c);
    const DecodedCharacter decoded = decode_utf8(text);
    ASSERT_TRUE(decoded.valid) << static_cast<uint32_t>(c);
    ASSERT_EQ(decoded.code_point, c);
    ASSERT_EQ(decoded.length_bytes, text.size());
    // Each true prefix is something to wait for; the whole is not.
    for (size_t n = 1; n < text.size(); ++n) ASSERT_EQ(complete_utf8_prefix(text.substr(0, n)), 0U);
    ASSERT_EQ(complete_utf8_prefix(text), text.size());
  }
}

TEST(Utf8, Decode_OverlongSurrogateOrTooLarge_IsInvalid) {
  for (const std::string_view bad :
       {"\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80", "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80", "\xFF", "\x80", "\xE2\x28\xA1"}) {
    EXPECT_FALSE(decode_utf8(bad).valid);
    EXPECT_EQ(decode_utf8(bad).length_bytes, 1U);
  }
}

TEST(Utf8, CompletePrefix_BytesThatNeverComplete_AreNotWaitedFor) {
  EXPECT_EQ(complete_utf8_prefix("a\xFF"), 2U);
  EXPECT_EQ(complete_utf8_prefix("a\x80"), 2U);
  EXPECT_EQ(complete_utf8_prefix("\xE0\x80"), 2U);  // E0 needs a second byte of at least A0
  EXPECT_EQ(complete_utf8_prefix("a\xE2\x82"), 1U);
  EXPECT_EQ(complete_utf8_prefix(""), 0U);
}

TEST(Utf8, Sanitize_MixedBytes_KeepsTheTextAndMarksTheRest) {
  EXPECT_EQ(sanitize_utf8("a\xFF\xE2\x82\xAC\xE2"), "a\xEF\xBF\xBD\xE2\x82\xAC\xEF\xBF\xBD");
}

}  // namespace
}  // namespace hearth
