#include "text/go_template/literals.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/excerpt.h"
#include "base/utf8.h"

namespace hearth::text::go_template {
namespace {

int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 99;
}

// `n_digits` of them at the front of `text`, which are removed; nothing where they are not there.
std::optional<uint32_t> take_digits(std::string_view& text, size_t n_digits, uint32_t base) {
  if (text.size() < n_digits) return std::nullopt;
  uint32_t value = 0;
  for (const char c : text.substr(0, n_digits)) {
    const auto digit = static_cast<uint32_t>(digit_value(c));
    if (digit >= base) return std::nullopt;
    value = value * base + digit;
  }
  text.remove_prefix(n_digits);
  return value;
}

bool append_character(std::string& out, std::optional<uint32_t> code_point) {
  if (!code_point || *code_point > 0x10FFFF || (*code_point >= 0xD800 && *code_point < 0xE000)) return false;
  append_utf8(out, *code_point);
  return true;
}

bool append_byte(std::string& out, std::optional<uint32_t> value) {
  if (!value || *value > 0xFF) return false;
  out.push_back(static_cast<char>(*value));
  return true;
}

// What stands behind a backslash, which is removed from `text`.
bool append_escape(std::string_view& text, std::string& out, char quote) {
  static constexpr std::string_view kLetters = "abfnrtv\\";
  static constexpr std::string_view kMeant = "\a\b\f\n\r\t\v\\";
  if (text.empty()) return false;
  const char c = text.front();
  if (c >= '0' && c <= '7') return append_byte(out, take_digits(text, 3, 8));
  text.remove_prefix(1);
  if (c == 'x') return append_byte(out, take_digits(text, 2, 16));
  if (c == 'u') return append_character(out, take_digits(text, 4, 16));
  if (c == 'U') return append_character(out, take_digits(text, 8, 16));
  const size_t at = kLetters.find(c);
  if (at == std::string_view::npos && c != quote) return false;
  out.push_back(at == std::string_view::npos ? c : kMeant[at]);
  return true;
}

// Go's rule: they stand between digits, or behind the prefix of the base.
bool has_misplaced_underscore(std::string_view text) {
  char before = '^';  // '0' for a digit, '_' or something else
  bool is_hexadecimal = false;
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) text.remove_prefix(1);
  if (text.size() >= 2 && text[0] == '0' &&
      std::string_view("xXoObB").find(text[1]) != std::string_view::npos) {
    is_hexadecimal = text[1] == 'x' || text[1] == 'X';
    before = '0';
    text.remove_prefix(2);
  }
  for (const char c : text) {
    if (digit_value(c) < (is_hexadecimal ? 16 : 10)) {
      before = '0';
    } else if (c == '_') {
      if (before != '0') return true;
      before = '_';
    } else {
      if (before == '_') return true;
      before = '!';
    }
  }
  return before == '_';
}

Result<Value> integer_of(std::string_view text, std::string_view written) {
  const bool is_negative = text.starts_with('-');
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  int base = 10;
  if (text.size() > 1 && text[0] == '0') {
    const char letter = text[1];
    base = letter == 'x' || letter == 'X' ? 16 : letter == 'b' || letter == 'B' ? 2 : 8;
    text.remove_prefix(letter >= '0' && letter <= '9' ? 1 : 2);
  }
  uint64_t magnitude = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), magnitude, base);
  if (problem == std::errc::result_out_of_range)
    return make_error(ErrorCode::kMalformed, "{} overflows int", written);
  if (problem != std::errc() || end != text.data() + text.size())
    return make_error(ErrorCode::kMalformed, "bad number {}", quoted_excerpt(written));
  const uint64_t most = uint64_t{INT64_MAX} + (is_negative ? 1 : 0);
  if (magnitude > most) return make_error(ErrorCode::kMalformed, "{} overflows int", written);
  return Value::integer(static_cast<int64_t>(is_negative ? 0 - magnitude : magnitude));
}

Result<Value> float_of(std::string_view text, std::string_view written) {
  const bool is_negative = text.starts_with('-');
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  const bool is_hexadecimal = text.starts_with("0x") || text.starts_with("0X");
  if (is_hexadecimal) text.remove_prefix(2);
  const bool has_exponent = text.find_first_of("pP") != std::string_view::npos;
  double value = 0;
  const auto [end, problem] =
      std::from_chars(text.data(), text.data() + text.size(), value,
                      is_hexadecimal ? std::chars_format::hex : std::chars_format::general);
  const bool is_small = problem == std::errc::result_out_of_range && value == 0;  // rounds to zero
  if ((problem != std::errc() && !is_small) || end != text.data() + text.size() ||
      (is_hexadecimal && !has_exponent))
    return make_error(ErrorCode::kMalformed, "bad number {}", quoted_excerpt(written));
  return Value::real(is_negative ? -value : value);
}

}  // namespace

Result<std::string> unquote(std::string_view quoted) {
  const char quote = quoted.front();
  std::string_view text = quoted.substr(1, quoted.size() - 2);
  std::string out;
  if (quote == '`') {
    std::ranges::remove_copy(text, std::back_inserter(out), '\r');  // as Go does
    return out;
  }
  while (!text.empty()) {
    const char c = text.front();
    if (c != '\\') {
      const DecodedCharacter character = decode_utf8(text);
      append_utf8(out, character.code_point);  // bytes that are no UTF-8 become U+FFFD
      text.remove_prefix(character.length_bytes);
      continue;
    }
    text.remove_prefix(1);
    if (!append_escape(text, out, quote))
      return make_error(ErrorCode::kMalformed, "bad escape in {}", quoted_excerpt(quoted));
  }
  return out;
}

Result<Value> number_of(std::string_view text) {
  if (text.ends_with('i'))
    return make_error(ErrorCode::kUnsupported, "{}: imaginary numbers are not supported", text);
  if (has_misplaced_underscore(text))
    return make_error(ErrorCode::kMalformed, "bad number {}", quoted_excerpt(text));
  std::string digits;
  std::ranges::remove_copy(text, std::back_inserter(digits), '_');
  const bool is_hexadecimal = digits.find_first_of("xX") != std::string::npos;
  const bool is_float = digits.find_first_of(is_hexadecimal ? ".pP" : ".eEpP") != std::string::npos;
  return is_float ? float_of(digits, text) : integer_of(digits, text);
}

}  // namespace hearth::text::go_template
