#include "text/chat_template/format.h"

#include <charconv>
#include <cmath>
#include <optional>

#include "base/utf8.h"
#include "text/chat_template/operators.h"
#include "text/chat_template/representation.h"
#include "text/chat_template/unicode.h"

namespace hearth::text::jinja {
namespace {

// [[fill]align][sign][#][0][width][,][.precision][type]
struct Specification {
  std::string fill = " ";
  char align = '\0';  // '<', '>', '^', '=' (between sign and digits)
  char sign = '-';
  bool alternate = false;
  bool thousands = false;
  int64_t width = 0;
  std::optional<int> precision;
  char type = '\0';
};

constexpr int kMaxPrecision = 300;

// Reads a decimal number from the front of `text`; 0 digits leave `number` as it is.
Result<void> take_number(std::string_view& text, int64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc::result_out_of_range) return template_error("format: a width is too large");
  if (error == std::errc()) text.remove_prefix(static_cast<size_t>(end - text.data()));
  return {};
}

Result<void> take_precision(std::string_view& text, Specification& spec) {
  if (!text.starts_with('.')) return {};
  text.remove_prefix(1);
  int64_t precision = 0;
  HEARTH_TRY(take_number(text, precision));
  if (precision < 0 || precision > kMaxPrecision) {
    return template_error("format: expected a precision of at most {}, found {}", kMaxPrecision, precision);
  }
  spec.precision = static_cast<int>(precision);
  return {};
}

std::string group_thousands(std::string digits) {
  const size_t whole = std::min(digits.find_first_not_of("0123456789"), digits.size());
  for (size_t at = whole; at > 3;) digits.insert(at -= 3, ",");
  return digits;
}

// The digits of a number without its sign.
Result<std::string> digits_of(const Value& value, const Specification& spec) {
  const char type = spec.type;
  if (std::string_view("eEfFgG%").find(type) != std::string_view::npos && type != '\0') {
    const double number = std::fabs(value.as_float()) * (type == '%' ? 100 : 1);
    const int precision = spec.precision.value_or(6);
    if (type == 'e' || type == 'E')
      return fmt::format(fmt::runtime(type == 'e' ? "{:.{}e}" : "{:.{}E}"), number, precision);
    if (type == 'g' || type == 'G')
      return fmt::format(fmt::runtime(type == 'g' ? "{:.{}g}" : "{:.{}G}"), number, precision);
    return fmt::format("{:.{}f}", number, precision) + (type == '%' ? "%" : "");
  }
  if (value.is(Value::Kind::kFloat)) {
    if (type != '\0') return template_error("format: '{}' does not format a float", type);
    const double number = std::fabs(value.as_float());
    return spec.precision ? fmt::format("{:.{}g}", number, *spec.precision) : float_text(number);
  }
  const int64_t number = value.as_int();
  const uint64_t magnitude = number < 0 ? 0 - static_cast<uint64_t>(number) : static_cast<uint64_t>(number);
  switch (type) {
    case 'x':
      return fmt::format(fmt::runtime(spec.alternate ? "{:#x}" : "{:x}"), magnitude);
    case 'X':
      return fmt::format(fmt::runtime(spec.alternate ? "{:#X}" : "{:X}"), magnitude);
    case 'o':
      return (spec.alternate ? "0o" : "") + fmt::format("{:o}", magnitude);
    case 'b':
      return fmt::format(fmt::runtime(spec.alternate ? "{:#b}" : "{:b}"), magnitude);
    case 'd':
    case '\0':
      return fmt::format("{}", magnitude);
    default:
      return template_error("format: unknown type '{}'", type);
  }
}

Result<std::string> format_number(Runtime& runtime, const Value& value, const Specification& spec) {
  HEARTH_ASSIGN(std::string digits, digits_of(value, spec));
  if (spec.thousands) digits = group_thousands(std::move(digits));
  std::string sign;
  if (std::signbit(value.as_float())) {
    sign = "-";
  } else if (spec.sign != '-') {
    sign = spec.sign;
  }
  if (spec.align != '=') {
    return pad(runtime, sign + digits, spec.width, spec.align == '\0' ? '>' : spec.align, spec.fill);
  }
  const auto width = spec.width - static_cast<int64_t>(sign.size());
  HEARTH_ASSIGN(const std::string padded, pad(runtime, digits, width, '>', spec.fill));
  return sign + padded;
}

Result<std::string> format_string(Runtime& runtime, std::string_view text, const Specification& spec) {
  HEARTH_TRY(runtime.budget().bytes(text.size()));
  if (spec.precision) {
    std::string_view rest = text;
    for (int i = 0; i < *spec.precision && !rest.empty(); ++i)
      rest.remove_prefix(decode_utf8(rest).length_bytes);
    text.remove_suffix(rest.size());
  }
  return pad(runtime, text, spec.width, spec.align == '\0' || spec.align == '=' ? '<' : spec.align,
             spec.fill);
}

// One %-conversion, its values taken in turn or by name.
class PercentFormatter {
 public:
  PercentFormatter(Runtime& runtime, const Value& values) : runtime_(runtime), values_(values) {}

  Result<void> convert(std::string_view& pattern, std::string& out);
  Result<void> finish() const {
    const bool all_used = values_.is_dict() || next_ >= (is_tuple(values_) ? values_.items().size() : 1);
    if (!all_used) return template_error("not all arguments converted during string formatting");
    return {};
  }

 private:
  Result<Value> take() {
    if (is_tuple(values_) && next_ < values_.items().size()) return values_.items()[next_++];
    if (!is_tuple(values_) && next_++ == 0) return values_;
    return template_error("not enough arguments for format string");
  }
  Result<Value> take_named(std::string_view& pattern);
  static void take_flags(std::string_view& pattern, Specification& spec);
  Result<void> append(std::string& out, const Value& value, Specification spec);

  Runtime& runtime_;
  const Value& values_;
  size_t next_ = 0;
};

Result<Value> PercentFormatter::take_named(std::string_view& pattern) {
  const size_t close = pattern.find(')');
  if (close == pattern.npos) return template_error("incomplete format key");
  const std::string_view name = pattern.substr(1, close - 1);
  pattern.remove_prefix(close + 1);
  if (!values_.is_dict()) return template_error("format requires a mapping");
  const Value* value = values_.dict_data().find(name);
  if (value == nullptr) return template_error("format: no key '{}'", shortened(name));
  return *value;
}

void PercentFormatter::take_flags(std::string_view& pattern, Specification& spec) {
  bool zero = false;
  for (; !pattern.empty(); pattern.remove_prefix(1)) {
    const char c = pattern.front();
    if (c == '-') {
      spec.align = '<';
    } else if (c == '0') {
      zero = true;
    } else if (c == '#') {
      spec.alternate = true;
    } else if (c == '+' || (c == ' ' && spec.sign == '-')) {
      spec.sign = c;
    } else if (c != ' ') {
      break;
    }
  }
  if (spec.align == '\0') spec.align = zero ? '=' : '>';
  if (spec.align == '=') spec.fill = "0";
}

Result<void> PercentFormatter::convert(std::string_view& pattern, std::string& out) {
  std::optional<Value> value;
  if (pattern.starts_with('(')) {
    HEARTH_ASSIGN(value, take_named(pattern));
  }
  Specification spec;
  take_flags(pattern, spec);
  HEARTH_TRY(take_number(pattern, spec.width));
  HEARTH_TRY(take_precision(pattern, spec));
  if (pattern.empty()) return template_error("incomplete format");
  spec.type = pattern.front();
  pattern.remove_prefix(1);
  if (spec.type == '%') {
    out.push_back('%');
    return {};
  }
  if (!value) {
    HEARTH_ASSIGN(value, take());
  }
  return append(out, *value, spec);
}

Result<void> PercentFormatter::append(std::string& out, const Value& value, Specification spec) {
  if (spec.type == 's' || spec.type == 'r' || spec.type == 'a' || (spec.type == 'c' && value.is_string())) {
    std::string text;
    HEARTH_TRY(spec.type == 's' || spec.type == 'c' ? append_text(runtime_, text, value)
                                                    : append_repr(runtime_, text, value));
    spec.fill = " ";
    if (spec.align == '=') spec.align = '>';
    HEARTH_ASSIGN(const std::string padded, format_string(runtime_, text, spec));
    out += padded;
    return {};
  }
  if (!value.is_number()) {
    return template_error("%{} format: a real number is required, not {}", spec.type, type_name(value));
  }
  if (spec.type == 'i' || spec.type == 'u') spec.type = 'd';
  Value number = value;
  const bool integral = std::string_view("dxXo").find(spec.type) != std::string_view::npos;
  if (integral && !value.is_integral()) {
    if (!(std::fabs(value.as_float()) < 9e18))
      return template_error("%{} format: the number is too large", spec.type);
    number = Value::integer(static_cast<int64_t>(value.as_float()));
  }
  HEARTH_ASSIGN(const std::string text, format_number(runtime_, number, spec));
  out += text;
  return {};
}

// One {}-field.
class BraceFormatter {
 public:
  BraceFormatter(Runtime& runtime, const Arguments& arguments) : runtime_(runtime), arguments_(arguments) {}
  Result<void> convert(std::string_view field, std::string& out);

 private:
  Result<Value> find(std::string_view name);
  Result<Value> walk(std::string_view path);
  static Result<Specification> parse(std::string_view text);

  Runtime& runtime_;
  const Arguments& arguments_;
  size_t next_ = 0;
};

Result<Value> BraceFormatter::find(std::string_view name) {
  size_t index = 0;
  if (name.empty()) {
    index = next_++;
  } else {
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
    if (error != std::errc() || end != name.data() + name.size()) {
      for (const auto& [key, value] : arguments_.named) {
        if (key == name) return value;
      }
      return template_error("format: no argument '{}'", shortened(name));
    }
  }
  if (index >= arguments_.positional.size()) return template_error("format: no argument {}", index);
  return arguments_.positional[index];
}

Result<Value> BraceFormatter::walk(std::string_view path) {
  const size_t first = std::min(path.find_first_of(".["), path.size());
  HEARTH_ASSIGN(Value value, find(path.substr(0, first)));
  path.remove_prefix(first);
  while (!path.empty()) {
    HEARTH_TRY(runtime_.budget().steps(1));
    const bool is_item = path.front() == '[';
    const size_t end = is_item ? path.find(']') : std::min(path.find_first_of(".[", 1), path.size());
    if (end == path.npos) return template_error("format: expected ']' in a field");
    const std::string name(path.substr(1, end - 1));
    path.remove_prefix(end + static_cast<size_t>(is_item));
    int64_t index = 0;
    const bool numeric =
        is_item &&
        std::from_chars(name.data(), name.data() + name.size(), index).ptr == name.data() + name.size() &&
        !name.empty();
    if (is_item) {
      HEARTH_ASSIGN(value, get_item(runtime_, value, numeric ? Value::integer(index) : Value::string(name)));
    } else {
      HEARTH_ASSIGN(value, get_attribute(runtime_, value, name));
    }
  }
  return value;
}

Result<Specification> BraceFormatter::parse(std::string_view text) {
  constexpr std::string_view kAligns = "<>^=";
  Specification spec;
  const size_t fill = text.empty() ? 0 : decode_utf8(text).length_bytes;
  if (fill < text.size() && kAligns.find(text[fill]) != kAligns.npos) {
    spec.fill = text.substr(0, fill);
    spec.align = text[fill];
    text.remove_prefix(fill + 1);
  } else if (!text.empty() && kAligns.find(text.front()) != kAligns.npos) {
    spec.align = text.front();
    text.remove_prefix(1);
  }
  const auto take = [&](char c) { return text.starts_with(c) && (text.remove_prefix(1), true); };
  if (take('+')) {
    spec.sign = '+';
  } else if (take(' ')) {
    spec.sign = ' ';
  } else {
    take('-');
  }
  spec.alternate = take('#');
  if (take('0') && spec.align == '\0') {
    spec.align = '=';
    spec.fill = "0";
  }
  HEARTH_TRY(take_number(text, spec.width));
  spec.thousands = take(',');
  HEARTH_TRY(take_precision(text, spec));
  if (!text.empty()) {
    spec.type = text.front();
    text.remove_prefix(1);
  }
  if (!text.empty() || spec.width < 0) return template_error("format: invalid format specifier");
  return spec;
}

Result<void> BraceFormatter::convert(std::string_view field, std::string& out) {
  const size_t colon = std::min(field.find(':'), field.size());
  std::string_view path = field.substr(0, colon);
  const std::string_view spec_text = colon < field.size() ? field.substr(colon + 1) : std::string_view();
  char conversion = '\0';
  if (path.size() >= 2 && path[path.size() - 2] == '!') {
    conversion = path.back();
    path.remove_suffix(2);
  }
  HEARTH_ASSIGN(const Value value, walk(path));
  HEARTH_ASSIGN(const Specification spec, parse(spec_text));
  std::string text;
  if (value.is_number() && conversion == '\0' && !(value.is(Value::Kind::kBool) && spec_text.empty())) {
    HEARTH_ASSIGN(text, format_number(runtime_, value, spec));
  } else {
    if (spec.type != '\0' && spec.type != 's')
      return template_error("format: '{}' formats numbers only", spec.type);
    std::string plain;
    HEARTH_TRY(conversion == 'r' ? append_repr(runtime_, plain, value) : append_text(runtime_, plain, value));
    HEARTH_ASSIGN(text, format_string(runtime_, plain, spec));
  }
  out += text;
  return {};
}

}  // namespace

void append_repeated(std::string& out, std::string_view text, size_t n) {
  if (text.size() == 1) {
    out.append(n, text.front());
    return;
  }
  out.reserve(out.size() + n * text.size());
  for (size_t i = 0; i < n && !text.empty(); ++i) out += text;
}

Result<std::string> pad(Runtime& runtime, std::string_view text, int64_t width, char align,
                        std::string_view fill) {
  const auto length = static_cast<int64_t>(length_in_code_points(text));
  std::string out(text);
  if (width <= length) return out;
  const auto missing = static_cast<size_t>(width - length);
  if (missing > runtime.budget().limits().max_work_bytes) return runtime.budget().bytes(missing).error();
  HEARTH_TRY(runtime.budget().bytes(missing * fill.size() + text.size()));
  size_t left = align == '<' ? 0 : align == '>' ? missing : missing / 2;
  if (align == 'c') left += missing & static_cast<size_t>(width) & 1U;
  out.clear();
  append_repeated(out, fill, left);
  out += text;
  append_repeated(out, fill, missing - left);
  return out;
}

Result<std::string> format_percent(Runtime& runtime, std::string_view pattern, const Value& values) {
  HEARTH_TRY(runtime.budget().bytes(pattern.size()));
  PercentFormatter formatter(runtime, values);
  std::string out;
  for (size_t percent = 0; (percent = pattern.find('%')) != pattern.npos;) {
    HEARTH_TRY(runtime.budget().steps(1));
    out += pattern.substr(0, percent);
    pattern.remove_prefix(percent + 1);
    HEARTH_TRY(formatter.convert(pattern, out));
  }
  HEARTH_TRY(formatter.finish());
  return out += pattern;
}

Result<std::string> format_braces(Runtime& runtime, std::string_view pattern, const Arguments& arguments) {
  HEARTH_TRY(runtime.budget().bytes(pattern.size()));
  BraceFormatter formatter(runtime, arguments);
  std::string out;
  for (size_t brace = 0; (brace = pattern.find_first_of("{}")) != pattern.npos;) {
    HEARTH_TRY(runtime.budget().steps(1));
    out += pattern.substr(0, brace);
    const char which = pattern[brace];
    pattern.remove_prefix(brace + 1);
    if (pattern.starts_with(which)) {
      out.push_back(which);
      pattern.remove_prefix(1);
      continue;
    }
    const size_t close = which == '{' ? pattern.find('}') : pattern.npos;
    if (close == pattern.npos) return template_error("format: single '{}' in the format string", which);
    HEARTH_TRY(formatter.convert(pattern.substr(0, close), out));
    pattern.remove_prefix(close + 1);
  }
  return out += pattern;
}

}  // namespace hearth::text::jinja
