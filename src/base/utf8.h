// The UTF-8 that a stream of tokens needs: where whole characters end, and text made whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hearth {

constexpr char32_t kReplacementCharacter = 0xFFFD;

// One character decoded from the front of `text`.
struct DecodedCharacter {
  char32_t code_point;  // kReplacementCharacter for an invalid byte
  size_t length_bytes;  // 1 for an invalid byte; never 0
  bool valid;
};
// `text` must not be empty. Overlong forms, surrogates and values beyond U+10FFFF are invalid (RFC 3629).
DecodedCharacter decode_utf8(std::string_view text) noexcept;

void append_utf8(std::string& out, char32_t code_point);

// The length of the longest prefix of `text` that does not end within a character. Bytes that can be no part
// of a character count as complete, so that a caller never waits for ever.
size_t complete_utf8_prefix(std::string_view text) noexcept;

// `text` with every invalid byte replaced by U+FFFD.
std::string sanitize_utf8(std::string_view text);

}  // namespace hearth
