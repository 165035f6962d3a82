#include "text/chat_template/lexer.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/utf8.h"
#include "text/chat_template/unicode.h"

namespace hearth::text::jinja {
namespace {

constexpr size_t kAbsent = std::string_view::npos;

Error syntax_error(uint32_t line, std::string_view message) {
  return make_error(ErrorCode::kMalformed, "{}: {}", line, message);
}

// \r\n and \r become \n, and one newline at the end goes, as Jinja reads a template.
std::string normalise_newlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out.push_back(source[i]);
    } else if (i + 1 == source.size() || source[i + 1] != '\n') {
      out.push_back('\n');
    }
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

bool is_ascii_digit(char c) {
  return c >= '0' && c <= '9';
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  Result<std::vector<Token>> run();

 private:
  std::string_view rest() const { return source_.substr(at_); }
  bool starts_with(std::string_view text) const { return rest().starts_with(text); }
  void advance(size_t n);
  void skip_space() { advance(rest().size() - strip_space(rest(), Side::kLeft).size()); }
  void emit(TokenKind kind, std::string_view text = {}, Value value = {}) {
    tokens_.push_back({kind, line_, std::string(text), std::move(value)});
  }

  void emit_text(std::string_view text, char sign, bool strips_line);
  bool take_end(std::string_view end, bool trims_newline);
  Result<void> comment();
  Result<bool> raw();
  Result<void> tag(bool is_output);
  Result<void> inside();
  Result<void> string();
  Result<void> number();
  bool name();
  Result<void> op();

  std::string_view source_;
  size_t at_ = 0;
  uint32_t line_ = 1;
  bool at_line_start_ = true;  // what was read last ended with a newline
  std::string open_;           // brackets
  std::vector<Token> tokens_;
};

void Lexer::advance(size_t n) {
  if (n == 0) return;
  const std::string_view passed = source_.substr(at_, n);
  line_ += static_cast<uint32_t>(std::count(passed.begin(), passed.end(), '\n'));
  at_line_start_ = passed.back() == '\n';
  at_ += n;
}

// Text in front of a tag: `sign` is the tag's '-' or '+', and `strips_line` says whether the tag, without a
// sign, takes the white space before it on its line.
void Lexer::emit_text(std::string_view text, char sign, bool strips_line) {
  if (sign == '-') {
    text = strip_space(text, Side::kRight);
  } else if (sign != '+' && strips_line) {
    const size_t newline = text.rfind('\n');
    const size_t line_start = newline == kAbsent ? 0 : newline + 1;
    const bool whole_line = line_start > 0 || at_line_start_;
    if (whole_line && strip_space(text.substr(line_start)).empty()) text = text.substr(0, line_start);
  }
  if (!text.empty()) emit(TokenKind::kText, text);
}

// Consumes a tag's end with its sign and the white space that goes with it.
bool Lexer::take_end(std::string_view end, bool trims_newline) {
  const bool has_sign = starts_with("-") || (trims_newline && starts_with("+"));
  if (!rest().substr(static_cast<size_t>(has_sign)).starts_with(end)) return false;
  const char sign = has_sign ? rest().front() : '\0';
  advance(end.size() + static_cast<size_t>(has_sign));
  if (sign == '-') skip_space();
  if (sign == '\0' && trims_newline && starts_with("\n")) advance(1);
  return true;
}

Result<void> Lexer::comment() {
  const size_t end = source_.find("#}", at_ + 2);
  if (end == kAbsent) return syntax_error(line_, "missing end of comment tag");
  const char before = source_[end - 1];
  const bool has_sign = end > at_ + 2 && (before == '-' || before == '+');
  advance(end - at_ - static_cast<size_t>(has_sign));
  take_end("#}", true);
  return {};
}

// {% raw %} ... {% endraw %}: whether that stands here, and if so its text.
Result<bool> Lexer::raw() {
  const auto match = [](std::string_view text, std::string_view word) -> size_t {
    const size_t whole = text.size();
    text.remove_prefix(2);
    if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
    text = strip_space(text, Side::kLeft);
    if (!text.starts_with(word)) return 0;
    text = strip_space(text.substr(word.size()), Side::kLeft);
    const bool closes = text.starts_with("%}") || text.starts_with("-%}") || text.starts_with("+%}");
    return closes ? whole - text.size() : 0;
  };
  const size_t begin = match(rest(), "raw");
  if (begin == 0) return false;
  const uint32_t line = line_;
  advance(begin);
  // Unlike other blocks, raw keeps the newline behind it.
  if (!take_end("%}", false)) return syntax_error(line_, "unexpected '+' in a raw tag");
  const size_t text = at_;
  for (size_t tag = at_; (tag = source_.find("{%", tag)) != kAbsent; tag += 2) {
    const size_t end = match(source_.substr(tag), "endraw");
    if (end == 0) continue;
    emit_text(source_.substr(text, tag - text), source_[tag + 2], true);
    advance(tag + end - at_);
    take_end("%}", true);
    return true;
  }
  return syntax_error(line, "missing end of raw block");
}

Result<void> Lexer::tag(bool is_output) {
  emit(is_output ? TokenKind::kOutputBegin : TokenKind::kBlockBegin);
  advance(2);
  if (starts_with("-") || starts_with("+")) advance(1);
  const uint32_t line = line_;
  while (true) {
    skip_space();
    if (at_ == source_.size()) return syntax_error(line, "the tag is not closed");
    const uint32_t end_line = line_;
    if (open_.empty() && take_end(is_output ? "}}" : "%}", !is_output)) {
      emit(is_output ? TokenKind::kOutputEnd : TokenKind::kBlockEnd);
      tokens_.back().line = end_line;
      return {};
    }
    HEARTH_TRY(inside());
  }
}

Result<void> Lexer::inside() {
  const char c = rest().front();
  if (c == '"' || c == '\'') return string();
  if (is_ascii_digit(c)) return number();
  return name() ? Result<void>() : op();
}

Result<void> Lexer::string() {
  const char quote = rest().front();
  size_t end = 1;
  while (end < rest().size() && rest()[end] != quote) end += rest()[end] == '\\' ? 2 : 1;
  if (end >= rest().size()) return syntax_error(line_, "the string is not closed");
  const auto text = unescape(rest().substr(1, end - 1));
  if (!text) return syntax_error(line_, "malformed escape in a string");
  emit(TokenKind::kLiteral, {}, Value::string(*text));
  advance(end + 1);
  return {};
}

// The length of a run of digits, with underscores between them, at `text`'s front.
template <typename IsDigit>
size_t digit_run(std::string_view text, IsDigit&& is_digit_of_base) {
  size_t n = 0;
  while (n < text.size() && (is_digit_of_base(text[n]) || (text[n] == '_' && n > 0 && n + 1 < text.size() &&
                                                           is_digit_of_base(text[n + 1])))) {
    ++n;
  }
  return n;
}

// The length of the number at the front of `text`, in decimal; `is_float` says which kind.
size_t decimal_length(std::string_view text, bool& is_float) {
  size_t n = digit_run(text, is_ascii_digit);
  is_float = false;
  if (n + 1 < text.size() && text[n] == '.' && is_ascii_digit(text[n + 1])) {
    is_float = true;
    n += 1 + digit_run(text.substr(n + 1), is_ascii_digit);
  }
  if (n < text.size() && (text[n] == 'e' || text[n] == 'E')) {
    const size_t sign = n + 1 < text.size() && (text[n + 1] == '+' || text[n + 1] == '-') ? 1 : 0;
    const size_t digits = digit_run(text.substr(n + 1 + sign), is_ascii_digit);
    if (digits > 0) {
      is_float = true;
      n += 1 + sign + digits;
    }
  }
  return n;
}

struct Radix {
  std::string_view prefix;
  int base;
};
constexpr std::array<Radix, 6> kRadixes{{{"0x", 16}, {"0X", 16}, {"0b", 2}, {"0B", 2}, {"0o", 8}, {"0O", 8}}};

Result<void> Lexer::number() {
  int base = 10;
  size_t prefix = 0;
  for (const Radix& radix : kRadixes) {
    if (!starts_with(radix.prefix)) continue;
    base = radix.base;
    prefix = radix.prefix.size();
  }
  bool is_float = false;
  const size_t length =
      prefix == 0 ? decimal_length(rest(), is_float)
                  : prefix + digit_run(rest().substr(prefix), [](char c) {
                      return is_alphabetic(static_cast<unsigned char>(c) & 0x7FU) || is_ascii_digit(c);
                    });
  std::string digits(rest().substr(prefix, length - prefix));
  std::erase(digits, '_');
  const char* const end = digits.data() + digits.size();
  double real = 0;
  int64_t integer = 0;
  const auto parsed = is_float ? std::from_chars(digits.data(), end, real)
                               : std::from_chars(digits.data(), end, integer, base);
  if (parsed.ec == std::errc::result_out_of_range)
    return syntax_error(line_, "the number does not fit 64 bits");
  const bool leading_zero = base == 10 && !is_float && digits.starts_with('0') && integer != 0;
  if (parsed.ec != std::errc() || parsed.ptr != end || leading_zero)
    return syntax_error(line_, "malformed number");
  emit(TokenKind::kLiteral, {}, is_float ? Value::real(real) : Value::integer(integer));
  advance(length);
  return {};
}

bool Lexer::name() {
  size_t n = 0;
  while (n < rest().size()) {
    const DecodedCharacter c = decode_utf8(rest().substr(n));
    if (!c.valid ||
        !(c.code_point == '_' || is_alphabetic(c.code_point) || (n > 0 && is_digit(c.code_point))))
      break;
    n += c.length_bytes;
  }
  if (n == 0) return false;
  emit(TokenKind::kName, rest().substr(0, n));
  advance(n);
  return true;
}

Result<void> Lexer::op() {
  constexpr std::array<std::string_view, 6> kLong{"//", "**", "==", "!=", ">=", "<="};
  constexpr std::string_view kShort = "+-/*%~[](){}<>=.:|,;";
  const char c = rest().front();
  size_t length = 1;
  if (std::find(kLong.begin(), kLong.end(), rest().substr(0, 2)) != kLong.end()) {
    length = 2;
  } else if (kShort.find(c) == kAbsent) {
    return syntax_error(
        line_, fmt::format("unexpected character '{}'", rest().substr(0, decode_utf8(rest()).length_bytes)));
  }
  if (c == '(' || c == '[' || c == '{') open_.push_back(c);
  if (c == ')' || c == ']' || c == '}') {
    const char opening = c == ')' ? '(' : c == ']' ? '[' : '{';
    if (open_.empty() || open_.back() != opening)
      return syntax_error(line_, fmt::format("unexpected '{}'", c));
    open_.pop_back();
  }
  emit(TokenKind::kOperator, rest().substr(0, length));
  advance(length);
  return {};
}

Result<std::vector<Token>> Lexer::run() {
  while (at_ < source_.size()) {
    size_t begin = at_;
    while ((begin = source_.find('{', begin)) != kAbsent) {
      const char next = begin + 1 < source_.size() ? source_[begin + 1] : '\0';
      if (next == '{' || next == '%' || next == '#') break;
      ++begin;
    }
    if (begin == kAbsent) {
      emit(TokenKind::kText, rest());
      advance(rest().size());
      break;
    }
    const char which = source_[begin + 1];
    const char sign = begin + 2 < source_.size() ? source_[begin + 2] : '\0';
    emit_text(source_.substr(at_, begin - at_), sign, which != '{');
    advance(begin - at_);
    if (which == '#') {
      HEARTH_TRY(comment());
      continue;
    }
    if (which == '%') {
      HEARTH_ASSIGN(const bool was_raw, raw());
      if (was_raw) continue;
    }
    HEARTH_TRY(tag(which == '{'));
  }
  emit(TokenKind::kEnd);
  return std::move(tokens_);
}

// Reads `n` hexadecimal digits from the front of `text`.
bool take_hex(std::string_view& text, size_t n, uint32_t& value) {
  if (text.size() < n) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + n, value, 16);
  if (error != std::errc() || end != text.data() + n) return false;
  text.remove_prefix(n);
  return true;
}

bool take_code_point(std::string_view& text, size_t n_digits, std::string& out) {
  uint32_t value = 0;
  if (!take_hex(text, n_digits, value) || value > 0x10FFFF) return false;
  const bool high = value >= 0xD800 && value < 0xDC00;
  if (high && text.starts_with("\\u")) {
    std::string_view behind = text.substr(2);
    uint32_t low = 0;
    if (take_hex(behind, 4, low) && low >= 0xDC00 && low < 0xE000) {
      value = 0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00);
      text = behind;
    }
  }
  append_utf8(out, value >= 0xD800 && value < 0xE000 ? kReplacementCharacter : value);
  return true;
}

void take_octal(std::string_view& text, std::string& out) {
  uint32_t value = 0;
  for (int i = 0; i < 3 && !text.empty() && text.front() >= '0' && text.front() <= '7'; ++i) {
    value = value * 8 + static_cast<uint32_t>(text.front() - '0');
    text.remove_prefix(1);
  }
  append_utf8(out, value);
}

}  // namespace

std::optional<std::string> unescape(std::string_view quoted) {
  static constexpr std::string_view kLetters = "ntrabfv\\'\"\n";
  static constexpr std::string_view kMeanings = "\n\t\r\a\b\f\v\\'\"";
  std::string out;
  while (!quoted.empty()) {
    const char c = quoted.front();
    quoted.remove_prefix(1);
    if (c != '\\' || quoted.empty()) {
      out.push_back(c);
      continue;
    }
    const char letter = quoted.front();
    if (letter >= '0' && letter <= '7') {
      take_octal(quoted, out);
      continue;
    }
    quoted.remove_prefix(1);
    const size_t at = kLetters.find(letter);
    if (letter == 'x' || letter == 'u' || letter == 'U') {
      if (!take_code_point(quoted, letter == 'x' ? 2 : letter == 'u' ? 4 : 8, out)) return std::nullopt;
    } else if (letter == 'N') {
      return std::nullopt;
    } else if (at == kLetters.npos) {
      out.push_back('\\');
      out.push_back(letter);
    } else if (at < kMeanings.size()) {
      out.push_back(kMeanings[at]);
    }  // else a backslash before a newline, which joins the lines
  }
  return out;
}

Result<std::vector<Token>> tokenize(std::string_view source) {
  const std::string text = normalise_newlines(source);
  return Lexer(text).run();
}

}  // namespace hearth::text::jinja
