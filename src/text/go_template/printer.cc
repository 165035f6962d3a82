#include "text/go_template/printer.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/utf8.h"
#include "text/chat_template/unicode.h"
#include "text/go_template/json.h"
#include "text/go_template/printing.h"

namespace hearth::text::go_template {
namespace {

constexpr char32_t kMostCodePoint = 0x10FFFF;

std::string verb_text(char32_t verb) {
  std::string text;
  append_utf8(text, verb);
  return text;
}

bool is_string_verb(char32_t verb) {
  return verb == 'v' || verb == 's' || verb == 'x' || verb == 'X' || verb == 'q';
}

// An address, where Go prints one: no two runs of a program have the same.
constexpr std::string_view kAddress = "0xc000000000";

struct Magnitude {
  uint64_t value;
  bool is_negative;
};

Magnitude magnitude_of(const Value& value) {
  if (value.is(Value::Kind::kByte)) return {value.as_byte(), false};
  const int64_t number = value.as_int();
  return {number < 0 ? 0 - static_cast<uint64_t>(number) : static_cast<uint64_t>(number), number < 0};
}

// The shortest digits that say the number, with an exponent from 6 on and below -4
// (strconv's rule for the verb g).
std::string shortest(double value) {
  char digits[64];
  auto end = std::to_chars(digits, digits + sizeof digits, value, std::chars_format::scientific).ptr;
  std::string text(digits, end);
  const size_t e = text.find('e');
  const int exponent = std::stoi(text.substr(e + 1));
  constexpr int kFirstExponent = 6;
  if (exponent < -4 || exponent >= kFirstExponent) return text;
  char plain[400];
  end = std::to_chars(plain, plain + sizeof plain, value, std::chars_format::fixed).ptr;
  return {plain, end};
}

std::string with_precision(double value, char verb, int precision) {
  const auto format = verb == 'f'   ? std::chars_format::fixed
                      : verb == 'e' ? std::chars_format::scientific
                                    : std::chars_format::general;
  std::string text(static_cast<size_t>(precision) + 400, '\0');
  const auto [end, problem] = std::to_chars(text.data(), text.data() + text.size(), value, format, precision);
  HEARTH_CHECK(problem == std::errc());
  text.resize(static_cast<size_t>(end - text.data()));
  return text;
}

}  // namespace

Result<void> Printer::write(std::string_view text) {
  HEARTH_TRY(budget_.bytes(text.size()));
  out_ += text;
  return {};
}

Result<void> Printer::padding(size_t n) {
  HEARTH_TRY(budget_.bytes(n));
  // Zeros only stand on the left.
  out_.append(n, flags.zero && !flags.minus ? '0' : ' ');
  return {};
}

Result<void> Printer::pad(std::string_view text) {
  const size_t length = flags.width ? jinja::length_in_code_points(text) : 0;
  const size_t missing = flags.width && *flags.width > length ? *flags.width - length : 0;
  if (!flags.minus) HEARTH_TRY(padding(missing));
  HEARTH_TRY(write(text));
  return flags.minus ? padding(missing) : Result<void>();
}

// Whatever the flag 0 says.
Result<void> Printer::pad_with_spaces(std::string_view text) {
  const bool was_zero = std::exchange(flags.zero, false);
  auto padded = pad(text);
  flags.zero = was_zero;
  return padded;
}

Result<void> Printer::bad_verb(char32_t verb, const Value& value) {
  HEARTH_TRY(write("%!" + verb_text(verb) + "("));
  if (value.is_nothing()) {
    HEARTH_TRY(write("<nil>"));
  } else {
    HEARTH_TRY(write(type_name(value) + "="));
    // Not by its own String: that may be what does not fit.
    HEARTH_TRY(print_typed(value, 'v', 0));
  }
  return write(")");
}

Result<void> Printer::print(const Value& value, char32_t verb) {
  HEARTH_TRY(budget_.steps(1));
  if (value.is_nothing()) {
    return verb == 'T' || verb == 'v' ? pad("<nil>") : bad_verb(verb, value);
  }
  if (verb == 'T') return print_string(type_name(value), 's', value);
  return print_inner(value, verb, 0);
}

Result<void> Printer::print_inner(const Value& value, char32_t verb, int depth) {
  HEARTH_TRY(budget_.steps(1));
  if (value.is_nothing()) return write(flags.sharp_v ? "interface {}(nil)" : "<nil>");
  const StringMethod method = string_method_of(value);
  if (method == StringMethod::kNone || flags.sharp_v || !is_string_verb(verb))
    return print_typed(value, verb, depth);
  std::string text;
  const bool is_nil_map = value.is(Value::Kind::kMap) && value.as_map().is_nil;
  if (is_nil_map) {
    text = "{}";
  } else if (method == StringMethod::kJson) {
    HEARTH_TRY(append_json(text, value, budget_));
  } else if (const List& names = value.as_list(); names.items.size() == 1) {
    text = names.items.front().as_string();
  } else if (!names.items.empty()) {
    Printer plain(budget_);
    HEARTH_TRY(plain.print_list(names, 'v', 0));
    text = std::move(plain).take();
  }
  return print_string(text, verb, value);
}

Result<void> Printer::print_typed(const Value& value, char32_t verb, int depth) {
  switch (value.kind()) {
    case Value::Kind::kInvalid:
    case Value::Kind::kNil:
      return write("<nil>");
    case Value::Kind::kBool:
      return print_bool(value, verb);
    case Value::Kind::kInt:
    case Value::Kind::kByte:
      return print_integer(value, verb);
    case Value::Kind::kFloat:
      return print_float(value, verb);
    case Value::Kind::kString:
      return print_string(value.as_string(), verb, value);
    case Value::Kind::kList:
      if (verb == 'p') return write(kAddress);
      return print_list(value.as_list(), verb, depth);
    case Value::Kind::kMap:
      if (verb == 'p') return write(kAddress);
      return print_map(value.as_map(), verb, depth);
    case Value::Kind::kRecord:
      return print_record(value.as_record(), verb, depth);
  }
  return {};
}

Result<void> Printer::print_bool(const Value& value, char32_t verb) {
  if (verb != 't' && verb != 'v') return bad_verb(verb, value);
  return pad(value.as_bool() ? "true" : "false");
}

Result<void> Printer::print_integer(const Value& value, char32_t verb) {
  const bool is_byte = value.is(Value::Kind::kByte);
  switch (verb) {
    case 'v':
      if (flags.sharp_v && is_byte) return write(fmt::format("0x{:x}", value.as_byte()));
      [[fallthrough]];
    case 'd':
      return integer_in_base(value, 10, false, verb);
    case 'b':
      return integer_in_base(value, 2, false, verb);
    case 'o':
    case 'O':
      return integer_in_base(value, 8, false, verb);
    case 'x':
      return integer_in_base(value, 16, false, verb);
    case 'X':
      return integer_in_base(value, 16, true, verb);
    case 'c':
    case 'q':
    case 'U':
      return print_character(value, verb);
    default:
      return bad_verb(verb, value);
  }
}

Result<void> Printer::integer_in_base(const Value& value, unsigned base, bool is_upper, char32_t verb) {
  const auto [magnitude, is_negative] = magnitude_of(value);
  size_t least = 0;
  if (flags.precision) {
    least = *flags.precision;
    if (least == 0 && magnitude == 0) {
      return pad_with_spaces("");
    }
  } else if (flags.zero && !flags.minus && flags.width) {
    const size_t sign = is_negative || flags.plus || flags.space ? 1 : 0;
    least = *flags.width > sign ? *flags.width - sign : 0;
  }
  HEARTH_TRY(budget_.bytes(least));
  char digits[64];
  char* const end = std::to_chars(digits, digits + sizeof digits, magnitude, static_cast<int>(base)).ptr;
  std::string text(digits, end);
  if (text.size() < least) text.insert(0, least - text.size(), '0');
  if (flags.sharp && base == 2) text.insert(0, "0b");
  if (flags.sharp && base == 8 && text.front() != '0') text.insert(0, "0");
  if (flags.sharp && base == 16) text.insert(0, "0x");
  if (is_upper)
    std::ranges::transform(text, text.begin(), [](char c) {
      return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
  if (verb == 'O') text.insert(0, "0o");
  if (is_negative || flags.plus || flags.space) text.insert(0, 1, is_negative ? '-' : flags.plus ? '+' : ' ');
  return pad_with_spaces(text);
}

Result<void> Printer::print_character(const Value& value, char32_t verb) {
  const auto [magnitude, is_negative] = magnitude_of(value);
  const bool is_character = !is_negative && magnitude <= kMostCodePoint;
  const char32_t c = is_character ? static_cast<char32_t>(magnitude) : kReplacementCharacter;
  const bool is_surrogate = c >= 0xD800 && c < 0xE000;
  std::string text;
  append_utf8(text, is_surrogate ? kReplacementCharacter : c);
  if (verb == 'c') return pad(text);
  if (verb == 'q') {
    std::string in_quotes = quoted(text, flags.plus);
    in_quotes = in_quotes.substr(1, in_quotes.size() - 2);
    if (in_quotes == "\\\"") in_quotes = "\"";
    if (in_quotes == "'") in_quotes = "\\'";
    return pad("'" + in_quotes + "'");
  }
  // As an unsigned number of 64 bits, whatever it is.
  const uint64_t bits = is_negative ? 0 - magnitude : magnitude;
  const size_t least = std::max<size_t>(flags.precision.value_or(4), 4);
  HEARTH_TRY(budget_.bytes(least));
  std::string name = fmt::format("U+{:0{}X}", bits, least);
  if (flags.sharp && is_character && jinja::is_printable(c)) name += " '" + text + "'";
  return pad_with_spaces(name);
}

Result<void> Printer::print_float(const Value& value, char32_t verb) {
  static constexpr std::string_view kVerbs = "vbgGxXfFeE";
  if (verb > 0x7F || kVerbs.find(static_cast<char>(verb)) == std::string_view::npos)
    return bad_verb(verb, value);
  if (verb == 'b' || verb == 'x' || verb == 'X' || flags.sharp) {
    return make_error(ErrorCode::kInvalidArgument, "printf: %{}{} of a float is not supported",
                      flags.sharp ? "#" : "", verb_text(verb));
  }
  const double number = value.as_float();
  const bool is_upper = verb == 'G' || verb == 'E';
  const char letter = verb == 'v' || verb == 'g' || verb == 'G' ? 'g'
                      : verb == 'e' || verb == 'E'              ? 'e'
                                                                : 'f';
  std::string text;
  if (std::isnan(number)) {
    text = "NaN";
  } else if (std::isinf(number)) {
    text = number < 0 ? "-Inf" : "+Inf";
  } else if (letter == 'g' && !flags.precision) {
    text = shortest(number);
  } else {
    const size_t precision = flags.precision.value_or(6);
    HEARTH_TRY(budget_.bytes(precision));
    text = with_precision(number, letter, static_cast<int>(precision));
  }
  if (is_upper) std::ranges::replace(text, 'e', 'E');
  return pad_number(std::move(text));
}

// A float's text with its sign and the padding between sign and digits.
Result<void> Printer::pad_number(std::string text) {
  if (text.front() != '-' && text.front() != '+') text.insert(0, 1, '+');
  if (flags.space && text.front() == '+' && !flags.plus) text.front() = ' ';
  const bool is_finite = text[1] != 'I' && text[1] != 'N';
  if (!is_finite) {
    if (text[1] == 'N' && !flags.space && !flags.plus) text.erase(0, 1);
    return pad_with_spaces(text);
  }
  if (flags.plus || text.front() != '+') {
    if (flags.zero && !flags.minus && flags.width && *flags.width > text.size()) {
      HEARTH_TRY(write(text.substr(0, 1)));
      HEARTH_TRY(padding(*flags.width - text.size()));
      return write(std::string_view(text).substr(1));
    }
    return pad(text);
  }
  return pad(std::string_view(text).substr(1));
}

std::string_view Printer::truncated(std::string_view text) const {
  if (!flags.precision) return text;
  size_t end = 0;
  for (size_t n = 0; n < *flags.precision && end < text.size(); ++n)
    end += decode_utf8(text.substr(end)).length_bytes;
  return text.substr(0, end);
}

Result<void> Printer::print_string(std::string_view text, char32_t verb, const Value& value) {
  HEARTH_TRY(budget_.bytes(text.size()));
  switch (verb) {
    case 'v':
      if (!flags.sharp_v) return pad(truncated(text));
      [[fallthrough]];
    case 'q': {
      const std::string_view shown = truncated(text);
      const auto is_raw = [](char c) { return (c >= 0x20 || c == '\t') && c != '`' && c != 0x7F; };
      const bool is_plain = std::ranges::all_of(shown, [](char c) { return static_cast<uint8_t>(c) < 0x80; });
      if (flags.sharp && is_plain && std::ranges::all_of(shown, is_raw))
        return pad(fmt::format("`{}`", shown));
      return pad(quoted(shown, flags.plus));
    }
    case 's':
      return pad(truncated(text));
    case 'x':
    case 'X':
      return print_hex(text, verb == 'X');
    default:
      return bad_verb(verb, value);
  }
}

Result<void> Printer::print_hex(std::string_view text, bool is_upper) {
  if (flags.precision && *flags.precision < text.size()) text = text.substr(0, *flags.precision);
  const std::string_view prefix = !flags.sharp ? "" : is_upper ? "0X" : "0x";
  std::string digits;
  for (size_t i = 0; i < text.size(); ++i) {
    if (i > 0 && flags.space) digits += ' ';
    if (i == 0 || flags.space) digits += prefix;
    const auto byte = static_cast<uint8_t>(text[i]);
    digits += is_upper ? fmt::format("{:02X}", byte) : fmt::format("{:02x}", byte);
  }
  return pad(digits);
}

Result<void> Printer::print_list(const List& list, char32_t verb, int depth) {
  if (flags.sharp_v) {
    HEARTH_TRY(write(list.type));
    if (list.is_nil) return write("(nil)");
  }
  HEARTH_TRY(write(flags.sharp_v ? "{" : "["));
  for (size_t i = 0; i < list.items.size(); ++i) {
    if (i > 0) HEARTH_TRY(write(flags.sharp_v ? ", " : " "));
    HEARTH_TRY(print_inner(list.items[i], verb, depth + 1));
  }
  return write(flags.sharp_v ? "}" : "]");
}

Result<void> Printer::print_map(const Map& map, char32_t verb, int depth) {
  HEARTH_TRY(write(flags.sharp_v ? map.type : "map"));
  if (flags.sharp_v && map.is_nil) return write("(nil)");
  HEARTH_TRY(write(flags.sharp_v ? "{" : "["));
  for (size_t i = 0; i < map.entries.size(); ++i) {
    if (i > 0) HEARTH_TRY(write(flags.sharp_v ? ", " : " "));
    HEARTH_TRY(print_inner(Value::string(map.entries[i].first), verb, depth + 1));
    HEARTH_TRY(write(":"));
    HEARTH_TRY(print_inner(map.entries[i].second, verb, depth + 1));
  }
  return write(flags.sharp_v ? "}" : "]");
}

Result<void> Printer::print_record(const Record& record, char32_t verb, int depth) {
  if (record.is_pointer) {
    if (depth > 0 || verb == 'p') return write(kAddress);
    HEARTH_TRY(write("&"));
  }
  if (flags.sharp_v) HEARTH_TRY(write(record.type));
  HEARTH_TRY(write("{"));
  for (size_t i = 0; i < record.fields.size(); ++i) {
    const Record::Field& field = record.fields[i];
    if (i > 0) HEARTH_TRY(write(flags.sharp_v ? ", " : " "));
    if (flags.plus_v || flags.sharp_v) HEARTH_TRY(write(fmt::format("{}:", field.name)));
    HEARTH_TRY(print_inner(field.value, verb, depth + 1));
  }
  return write("}");
}

}  // namespace hearth::text::go_template
