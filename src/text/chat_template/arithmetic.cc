#include <algorithm>
#include <cmath>

#include "text/chat_template/format.h"
#include "text/chat_template/operators.h"
#include "text/chat_template/representation.h"

namespace hearth::text::jinja {
namespace {

constexpr const char* kSymbols[] = {"+", "-", "*", "/", "//", "%", "**"};

const char* symbol(BinaryOperator op) {
  return kSymbols[static_cast<size_t>(op)];
}

Error overflow(BinaryOperator op) {
  return template_error("{}: the result does not fit 64 bits", symbol(op));
}

Result<Value> integer_power(int64_t base, int64_t exponent) {
  int64_t result = 1;
  bool overflowed = false;
  for (int64_t factor = base; exponent > 0; exponent >>= 1) {
    if ((exponent & 1) != 0) overflowed |= __builtin_mul_overflow(result, factor, &result);
    if (exponent > 1) overflowed |= __builtin_mul_overflow(factor, factor, &factor);
    if (overflowed) return overflow(BinaryOperator::kPower);
  }
  return Value::integer(result);
}

// Python rounds division towards minus infinity, and the remainder has the divisor's sign.
Result<Value> integer_division(BinaryOperator op, int64_t a, int64_t b) {
  if (b == 0) return template_error("{}: division by zero", symbol(op));
  if (b == -1) {
    if (op == BinaryOperator::kModulo) return Value::integer(0);
    int64_t negated = 0;
    if (__builtin_sub_overflow(int64_t{0}, a, &negated)) return overflow(op);
    return Value::integer(negated);
  }
  const int64_t remainder = a % b;
  const bool adjust = remainder != 0 && ((remainder < 0) != (b < 0));
  if (op == BinaryOperator::kModulo) return Value::integer(adjust ? remainder + b : remainder);
  return Value::integer(a / b - static_cast<int64_t>(adjust));
}

Result<Value> float_arithmetic(BinaryOperator op, double a, double b);

Result<Value> integer_arithmetic(BinaryOperator op, int64_t a, int64_t b) {
  int64_t result = 0;
  switch (op) {
    case BinaryOperator::kAdd:
      if (__builtin_add_overflow(a, b, &result)) return overflow(op);
      return Value::integer(result);
    case BinaryOperator::kSubtract:
      if (__builtin_sub_overflow(a, b, &result)) return overflow(op);
      return Value::integer(result);
    case BinaryOperator::kMultiply:
      if (__builtin_mul_overflow(a, b, &result)) return overflow(op);
      return Value::integer(result);
    case BinaryOperator::kFloorDivide:
    case BinaryOperator::kModulo:
      return integer_division(op, a, b);
    case BinaryOperator::kPower:
      if (b >= 0) return integer_power(a, b);
      break;
    case BinaryOperator::kDivide:
      break;
  }
  return float_arithmetic(op, static_cast<double>(a), static_cast<double>(b));
}

Result<Value> float_arithmetic(BinaryOperator op, double a, double b) {
  const bool divides =
      op == BinaryOperator::kDivide || op == BinaryOperator::kFloorDivide || op == BinaryOperator::kModulo;
  if ((divides && b == 0) || (op == BinaryOperator::kPower && a == 0 && b < 0)) {
    return template_error("{}: division by zero", symbol(op));
  }
  double remainder = std::fmod(a, b);
  if (remainder != 0 && ((remainder < 0) != (b < 0))) remainder += b;
  switch (op) {
    case BinaryOperator::kAdd:
      return Value::real(a + b);
    case BinaryOperator::kSubtract:
      return Value::real(a - b);
    case BinaryOperator::kMultiply:
      return Value::real(a * b);
    case BinaryOperator::kDivide:
      return Value::real(a / b);
    case BinaryOperator::kFloorDivide:
      return Value::real(std::round((a - remainder) / b));
    case BinaryOperator::kModulo:
      return Value::real(remainder == 0 ? std::copysign(0.0, b) : remainder);
    case BinaryOperator::kPower:
      break;
  }
  const double power = std::pow(a, b);
  if (std::isnan(power) && !std::isnan(a) && !std::isnan(b)) {
    return template_error("**: the result is not a real number");
  }
  if (std::isinf(power) && std::isfinite(a) && std::isfinite(b))
    return template_error("**: the result is too large");
  return Value::real(power);
}

// Text added to markup is escaped, on either side.
Result<Value> add_strings(Runtime& runtime, const StringData& a, const StringData& b) {
  const bool markup = a.markup || b.markup;
  HEARTH_TRY(runtime.budget().bytes((markup ? 6 : 1) * (a.bytes.size() + b.bytes.size())));
  const auto part = [&](const StringData& text) {
    return markup && !text.markup ? escape_html(text.bytes) : text.bytes;
  };
  return Value::of(StringData(part(a) + part(b), markup));
}

Result<Value> repeat(Runtime& runtime, const Value& value, int64_t count) {
  const auto times = static_cast<uint64_t>(std::max<int64_t>(count, 0));
  const uint64_t unit = value.is_string() ? value.as_string().size() : value.items().size();
  uint64_t total = 0;
  if (__builtin_mul_overflow(times, unit, &total)) total = UINT64_MAX / 64;
  if (value.is_string()) {
    HEARTH_TRY(runtime.budget().bytes(total));
    std::string text;
    if (unit > 0) append_repeated(text, value.as_string(), times);
    return Value::of(StringData(std::move(text), value.string_data().markup));
  }
  HEARTH_TRY(runtime.budget().elements(total));
  std::vector<Value> items;
  items.reserve(total);
  for (uint64_t i = 0; unit > 0 && i < times; ++i) {
    items.insert(items.end(), value.items().begin(), value.items().end());
  }
  return runtime.sequence(std::move(items), value.sequence().form);
}

bool is_repeatable(const Value& value) {
  return value.is_string() || is_list(value) || is_tuple(value);
}

Result<Value> add_sequences(Runtime& runtime, const Value& a, const Value& b) {
  HEARTH_TRY(runtime.budget().elements(a.items().size() + b.items().size()));
  std::vector<Value> items = a.items();
  items.insert(items.end(), b.items().begin(), b.items().end());
  return runtime.sequence(std::move(items), a.sequence().form);
}

Error type_error(BinaryOperator op, const Value& a, const Value& b) {
  if (op == BinaryOperator::kAdd && (a.is_string() || is_list(a) || is_tuple(a))) {
    return template_error("can only concatenate {0} (not \"{1}\") to {0}", type_name(a), type_name(b));
  }
  return template_error("unsupported operand type(s) for {}: '{}' and '{}'", symbol(op), type_name(a),
                        type_name(b));
}

}  // namespace

Result<Value> arithmetic(Runtime& runtime, BinaryOperator op, const Value& a, const Value& b) {
  if (a.is_undefined()) return undefined_error(a);
  if (op == BinaryOperator::kModulo && a.is_string()) {
    HEARTH_ASSIGN(std::string text, format_percent(runtime, a.as_string(), b));
    return runtime.text(std::move(text), a.string_data().markup);
  }
  if (b.is_undefined()) return undefined_error(b);
  if (a.is_number() && b.is_number()) {
    if (a.is_integral() && b.is_integral()) return integer_arithmetic(op, a.as_int(), b.as_int());
    return float_arithmetic(op, a.as_float(), b.as_float());
  }
  if (op == BinaryOperator::kAdd) {
    if (a.is_string() && b.is_string()) return add_strings(runtime, a.string_data(), b.string_data());
    if ((is_list(a) && is_list(b)) || (is_tuple(a) && is_tuple(b))) return add_sequences(runtime, a, b);
  }
  if (op == BinaryOperator::kMultiply) {
    if (is_repeatable(a) && b.is_integral()) return repeat(runtime, a, b.as_int());
    if (is_repeatable(b) && a.is_integral()) return repeat(runtime, b, a.as_int());
  }
  return type_error(op, a, b);
}

Result<Value> negate(const Value& value) {
  if (value.is_undefined()) return undefined_error(value);
  if (value.is(Value::Kind::kFloat)) return Value::real(-value.as_float());
  if (!value.is_integral()) return template_error("bad operand type for unary -: '{}'", type_name(value));
  return integer_arithmetic(BinaryOperator::kSubtract, 0, value.as_int());
}

}  // namespace hearth::text::jinja
