#include <array>
#include <charconv>
#include <cmath>

#include "text/chat_template/arguments.h"
#include "text/chat_template/filters.h"
#include "text/chat_template/unicode.h"

namespace hearth::text::jinja {
namespace {

// Python's int(text, base) and float(text) allow white space around and underscores between digits.
std::optional<std::string> clean_digits(std::string_view text) {
  text = strip_space(text);
  if (text.starts_with('_') || text.ends_with('_') || text.find("__") != text.npos) return std::nullopt;
  std::string digits(text);
  std::erase(digits, '_');
  if (digits.starts_with('+')) digits.erase(0, 1);
  if (digits.starts_with("+-") || digits.starts_with("-+")) return std::nullopt;
  return digits;
}

std::optional<int64_t> parse_integer(std::string_view text, int base) {
  auto digits = clean_digits(text);
  if (!digits) return std::nullopt;
  const bool negative = digits->starts_with('-');
  if (negative) digits->erase(0, 1);
  const std::string_view prefix = base == 16 ? "0x" : base == 8 ? "0o" : base == 2 ? "0b" : "";
  if (!prefix.empty() && to_lower(digits->substr(0, 2)) == prefix) digits->erase(0, 2);
  if (negative) digits = "-" + *digits;
  int64_t value = 0;
  const char* const end = digits->data() + digits->size();
  const auto parsed = std::from_chars(digits->data(), end, value, base);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return value;
}

std::optional<double> parse_float(std::string_view text) {
  const auto digits = clean_digits(text);
  if (!digits) return std::nullopt;
  double value = 0;
  const char* const end = digits->data() + digits->size();
  const auto parsed = std::from_chars(digits->data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return value;
}

std::optional<int64_t> truncated(double value) {
  constexpr double kTwoTo63 = 9223372036854775808.0;
  if (!(value >= -kTwoTo63 && value < kTwoTo63)) return std::nullopt;
  return static_cast<int64_t>(value);
}

Result<Value> int_filter(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("int", arguments, {"default", "base"}));
  HEARTH_ASSIGN(const int64_t base, integer_or("int", bound[1], 10));
  if (base < 2 || base > 36) return template_error("int: expected a base from 2 to 36, found {}", base);
  if (input.is_undefined()) return undefined_error(input);
  std::optional<int64_t> value;
  if (input.is_integral()) value = input.as_int();
  if (input.is(Value::Kind::kFloat)) value = truncated(input.as_float());
  if (input.is_string()) {
    HEARTH_TRY(runtime.budget().bytes(input.as_string().size()));
    value = parse_integer(input.as_string(), static_cast<int>(base));
    const auto real = value ? std::nullopt : parse_float(input.as_string());
    if (real) value = truncated(*real);
  }
  if (value) return Value::integer(*value);
  return bound[0] == nullptr ? Value::integer(0) : *bound[0];
}

Result<Value> float_filter(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("float", arguments, {"default"}));
  if (input.is_undefined()) return undefined_error(input);
  if (input.is_number()) return Value::real(input.as_float());
  if (input.is_string()) {
    HEARTH_TRY(runtime.budget().bytes(input.as_string().size()));
    if (const auto value = parse_float(input.as_string())) return Value::real(*value);
  }
  return bound[0] == nullptr ? Value::real(0.0) : *bound[0];
}

Result<Value> abs_filter(Runtime& /*runtime*/, const Value& input, const Arguments& arguments) {
  HEARTH_TRY(expect_no_arguments("abs", arguments));
  if (input.is_undefined()) return undefined_error(input);
  if (input.is(Value::Kind::kFloat)) return Value::real(std::fabs(input.as_float()));
  if (!input.is_integral()) return template_error("abs: expected a number, found {}", type_name(input));
  return input.as_int() < 0 ? negate(input) : Value::integer(input.as_int());
}

// Half to even, on the number's exact decimal value, as Python's round().
double round_decimal(double value, int64_t precision) {
  if (!std::isfinite(value)) return value;
  if (precision < 0) {
    const double unit = std::pow(10.0, static_cast<double>(-precision));
    return std::nearbyint(value / unit) * unit;
  }
  const std::string text = fmt::format("{:.{}f}", value, precision);
  double rounded = 0;
  std::from_chars(text.data(), text.data() + text.size(), rounded);
  return rounded;
}

Result<Value> round_filter(Runtime& /*runtime*/, const Value& input, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("round", arguments, {"precision", "method"}));
  HEARTH_ASSIGN(const int64_t precision, integer_or("round", bound[0], 0));
  HEARTH_ASSIGN(const std::string_view method, string_or("round", bound[1], "common"));
  if (input.is_undefined()) return undefined_error(input);
  if (!input.is_number()) return template_error("round: expected a number, found {}", type_name(input));
  if (precision < -20 || precision > 20) {
    return template_error("round: expected a precision from -20 to 20, found {}", precision);
  }
  if (method == "common") {
    if (input.is_integral() && precision >= 0) return Value::integer(input.as_int());
    const double rounded = round_decimal(input.as_float(), precision);
    const auto whole = input.is_integral() ? truncated(rounded) : std::nullopt;
    return whole ? Value::integer(*whole) : Value::real(rounded);
  }
  if (method != "ceil" && method != "floor")
    return template_error("round: method must be common, ceil or floor");
  const double scale = std::pow(10.0, static_cast<double>(precision));
  const double scaled = input.as_float() * scale;
  return Value::real((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
}

constexpr auto kFilters = std::to_array<NamedFilter>({
    {"abs", abs_filter},
    {"float", float_filter},
    {"int", int_filter},
    {"round", round_filter},
});

}  // namespace

FilterFunction find_number_filter(std::string_view name) {
  for (const NamedFilter& each : kFilters) {
    if (each.name == name) return each.function;
  }
  return nullptr;
}

FilterFunction find_filter(std::string_view name) {
  for (const auto find :
       {find_text_filter, find_number_filter, find_sequence_filter, find_selection_filter}) {
    if (const FilterFunction filter = find(name)) return filter;
  }
  return nullptr;
}

}  // namespace hearth::text::jinja
