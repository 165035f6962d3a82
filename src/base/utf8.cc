#include "base/utf8.h"

#include <algorithm>

namespace hearth {
namespace {

// The length that a lead byte announces, 0 if it cannot lead.
size_t announced_length(unsigned char lead) noexcept {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  return 0;
}

// RFC 3629 section 4: the second byte's range depends on the lead, which rules out overlong forms and
// surrogates.
bool valid_second(unsigned char lead, unsigned char second) noexcept {
  switch (lead) {
    case 0xE0:
      return second >= 0xA0 && second <= 0xBF;
    case 0xED:
      return second >= 0x80 && second <= 0x9F;
    case 0xF0:
      return second >= 0x90 && second <= 0xBF;
    case 0xF4:
      return second >= 0x80 && second <= 0x8F;
    default:
      return second >= 0x80 && second <= 0xBF;
  }
}

bool is_continuation(unsigned char byte) noexcept {
  return (byte & 0xC0) == 0x80;
}

// Whether `text` is a true prefix of some character: a lead and fewer valid bytes after it than it announces.
bool is_incomplete(std::string_view text) noexcept {
  const auto at = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  if (text.size() >= announced_length(at(0))) return false;
  if (text.size() >= 2 && !valid_second(at(0), at(1))) return false;
  return text.size() < 3 || is_continuation(at(2));
}

}  // namespace

DecodedCharacter decode_utf8(std::string_view text) noexcept {
  constexpr DecodedCharacter kInvalid{kReplacementCharacter, 1, false};
  const auto at = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const size_t length = announced_length(at(0));
  if (length == 1) return {at(0), 1, true};
  if (length == 0 || text.size() < length || !valid_second(at(0), at(1))) return kInvalid;
  char32_t code_point = at(0) & (0xFFU >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if (!is_continuation(at(i))) return kInvalid;
    code_point = (code_point << 6) | (at(i) & 0x3FU);
  }
  return {code_point, length, true};
}

void append_utf8(std::string& out, char32_t code_point) {
  const auto put = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | (code_point >> 6));
    put(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    put(0xE0 | (code_point >> 12));
    put(0x80 | ((code_point >> 6) & 0x3F));
    put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | (code_point >> 18));
    put(0x80 | ((code_point >> 12) & 0x3F));
    put(0x80 | ((code_point >> 6) & 0x3F));
    put(0x80 | (code_point & 0x3F));
  }
}

size_t complete_utf8_prefix(std::string_view text) noexcept {
  // Only the last three bytes can begin a character that is not whole yet.
  for (size_t back = 1; back <= std::min<size_t>(3, text.size()); ++back) {
    const size_t start = text.size() - back;
    const auto byte = static_cast<unsigned char>(text[start]);
    if (is_continuation(byte)) continue;
    if (announced_length(byte) == 0) return text.size();
    return is_incomplete(text.substr(start)) ? start : text.size();
  }
  return text.size();
}

std::string sanitize_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const DecodedCharacter c = decode_utf8(text);
    if (c.valid) {
      out.append(text.substr(0, c.length_bytes));
    } else {
      append_utf8(out, kReplacementCharacter);
    }
    text.remove_prefix(c.length_bytes);
  }
  return out;
}

}  // namespace hearth
