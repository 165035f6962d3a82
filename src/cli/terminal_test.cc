#include "cli/terminal.h"

#include <gtest/gtest.h>

namespace hearth::cli {
namespace {

TEST(EscapeControl, TerminalEscapes_BecomeVisible) {
  EXPECT_EQ(escape_control("a\x1b[2Jb"), "a\\x1b[2Jb");
  EXPECT_EQ(escape_control(std::string_view("\0\a\r\x7f", 4)), "\\x00\\x07\\x0d\\x7f");
}

TEST(EscapeControl, C1Controls_AreEscapedByteForByte) {
  EXPECT_EQ(escape_control("\xc2\x9b"
                           "31m"),
            "\\xc2\\x9b31m");  // U+009B: CSI in one character
}

TEST(EscapeControl, InvalidUtf8_IsEscaped) {
  EXPECT_EQ(escape_control("a\xff\xc3"), "a\\xff\\xc3");
}

TEST(EscapeControl, TextAndLayout_StayAsTheyAre) {
  EXPECT_EQ(escape_control("Grüße,\n\t世界 🙂"), "Grüße,\n\t世界 🙂");
}

TEST(EscapeLine, NewlinesAndTabs_AreEscapedToo) {
  EXPECT_EQ(escape_line("a\nb\tc"), "a\\x0ab\\x09c");
}

}  // namespace
}  // namespace hearth::cli
