#include "text/tokenizer/byte_alphabet.h"

#include <gtest/gtest.h>

#include "base/utf8.h"

namespace hearth::text {
namespace {

TEST(ByteAlphabet, Character_KnownBytes_AreGpt2s) {
  EXPECT_EQ(alphabet_character('A'), U'A');
  EXPECT_EQ(alphabet_character(' '), U'\u0120');
  EXPECT_EQ(alphabet_character('\n'), U'\u010A');
  EXPECT_EQ(alphabet_character(0x00), U'\u0100');
  EXPECT_EQ(alphabet_character(0xAD), U'\u0143');
  EXPECT_EQ(alphabet_character(0xFF), U'\u00FF');
}

TEST(ByteAlphabet, AppendBytes_EveryByte_RoundTrips) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    std::string spelled, bytes;
    append_utf8(spelled, alphabet_character(static_cast<unsigned char>(byte)));
    ASSERT_TRUE(append_alphabet_bytes(spelled, bytes)) << byte;
    EXPECT_EQ(bytes, std::string(1, static_cast<char>(byte)));
  }
}

TEST(ByteAlphabet, AppendBytes_ForeignCharacter_LeavesTheOutputAsItWas) {
  for (const char* foreign : {"a ", "ab\u2581", "a\xFF", "\U0001F600"}) {
    std::string bytes = "before";
    EXPECT_FALSE(append_alphabet_bytes(foreign, bytes)) << foreign;
    EXPECT_EQ(bytes, "before");
  }
}

}  // namespace
}  // namespace hearth::text
