#include "text/chat_template/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/utf8.h"

namespace hearth::text::jinja {
namespace {

utf8proc_category_t category(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

enum class Case { kUpper, kLower, kTitle };

void append_cased(std::string& out, char32_t c, Case wanted) {
  if (c < 0x80) {
    const bool lower = c >= 'a' && c <= 'z';
    const bool upper = c >= 'A' && c <= 'Z';
    const bool flips = wanted == Case::kLower ? upper : lower;
    out.push_back(static_cast<char>(flips ? c ^ 0x20U : c));
    return;
  }
  constexpr char32_t kSharpS = 0xDF;
  if (c == kSharpS && wanted != Case::kLower) {
    out += wanted == Case::kUpper ? "SS" : "Ss";
    return;
  }
  const auto point = static_cast<utf8proc_int32_t>(c);
  const auto mapped = wanted == Case::kUpper   ? utf8proc_toupper(point)
                      : wanted == Case::kLower ? utf8proc_tolower(point)
                                               : utf8proc_totitle(point);
  append_utf8(out, static_cast<char32_t>(mapped));
}

// `choose(character)` says which case each character gets.
template <typename Choose>
std::string map_case(std::string_view text, Choose&& choose) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const DecodedCharacter c = decode_utf8(text);
    if (c.valid) {
      append_cased(out, c.code_point, choose(c.code_point));
    } else {
      out.push_back(text.front());
    }
    text.remove_prefix(c.length_bytes);
  }
  return out;
}

// The bytes of the last code point.
std::string_view last_character(std::string_view text) {
  for (size_t length = 2; length <= 4 && length <= text.size(); ++length) {
    const std::string_view tail = text.substr(text.size() - length);
    const DecodedCharacter c = decode_utf8(tail);
    if (c.valid && c.length_bytes == length) return tail;
  }
  return text.substr(text.size() - 1);
}

template <typename Strips>
std::string_view strip_where(std::string_view text, Side side, Strips&& strips) {
  while (side != Side::kRight && !text.empty()) {
    const size_t length = decode_utf8(text).length_bytes;
    if (!strips(text.substr(0, length))) break;
    text.remove_prefix(length);
  }
  while (side != Side::kLeft && !text.empty()) {
    const std::string_view last = last_character(text);
    if (!strips(last)) break;
    text.remove_suffix(last.size());
  }
  return text;
}

}  // namespace

bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0x2028 || c == 0x2029 ||
         (c >= 0x80 && category(c) == UTF8PROC_CATEGORY_ZS);
}

bool is_alphabetic(char32_t c) {
  if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  const auto kind = category(c);
  return kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
}

bool is_digit(char32_t c) {
  return category(c) == UTF8PROC_CATEGORY_ND;
}

bool is_printable(char32_t c) {
  if (c < 0x7F) return c >= ' ';
  switch (category(c)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return false;
    default:
      return true;
  }
}

bool is_upper(char32_t c) {
  return category(c) == UTF8PROC_CATEGORY_LU;
}

bool is_lower(char32_t c) {
  return category(c) == UTF8PROC_CATEGORY_LL;
}

size_t length_in_code_points(std::string_view text) {
  size_t n = 0;
  for (; !text.empty(); ++n) text.remove_prefix(decode_utf8(text).length_bytes);
  return n;
}

size_t length_in_code_points(const StringData& text) {
  return text.ascii ? text.bytes.size() : length_in_code_points(text.bytes);
}

size_t byte_offset(const StringData& text, size_t index) {
  if (text.ascii) return std::min(index, text.bytes.size());
  std::string_view rest = text.bytes;
  for (; index > 0 && !rest.empty(); --index) rest.remove_prefix(decode_utf8(rest).length_bytes);
  return text.bytes.size() - rest.size();
}

std::string to_upper(std::string_view text) {
  return map_case(text, [](char32_t) { return Case::kUpper; });
}

std::string to_lower(std::string_view text) {
  return map_case(text, [](char32_t) { return Case::kLower; });
}

std::string swap_case(std::string_view text) {
  return map_case(text, [](char32_t c) { return is_upper(c) ? Case::kLower : Case::kUpper; });
}

std::string capitalize(std::string_view text) {
  return map_case(text, [first = true](char32_t) mutable {
    const Case wanted = first ? Case::kTitle : Case::kLower;
    first = false;
    return wanted;
  });
}

std::string title_case(std::string_view text) {
  return map_case(text, [in_word = false](char32_t c) mutable {
    const Case wanted = in_word ? Case::kLower : Case::kTitle;
    in_word = is_alphabetic(c);
    return wanted;
  });
}

std::string_view strip_space(std::string_view text, Side side) {
  return strip_where(text, side, [](std::string_view c) { return is_space(decode_utf8(c).code_point); });
}

std::string_view strip_characters(std::string_view text, std::string_view characters, Side side) {
  std::vector<std::string_view> set;
  for (size_t length = 0; !characters.empty(); characters.remove_prefix(length)) {
    length = decode_utf8(characters).length_bytes;
    set.push_back(characters.substr(0, length));
  }
  std::sort(set.begin(), set.end());
  return strip_where(text, side,
                     [&](std::string_view c) { return std::binary_search(set.begin(), set.end(), c); });
}

size_t find_text(std::string_view text, std::string_view wanted, size_t from) {
  if (from > text.size()) return std::string_view::npos;
  if (wanted.empty()) return from;
  const void* found = ::memmem(text.data() + from, text.size() - from, wanted.data(), wanted.size());
  if (found == nullptr) return std::string_view::npos;
  return static_cast<size_t>(static_cast<const char*>(found) - text.data());
}

}  // namespace hearth::text::jinja
