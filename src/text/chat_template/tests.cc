// What stands behind 'is'.
#include <array>

#include "text/chat_template/arguments.h"
#include "text/chat_template/filters.h"
#include "text/chat_template/representation.h"
#include "text/chat_template/text_operations.h"

namespace hearth::text::jinja {
namespace {

using Kind = Value::Kind;

template <bool (*holds)(const Value&)>
Result<bool> plain(Runtime& /*runtime*/, const Value& input, const Arguments& arguments) {
  HEARTH_TRY(expect_no_arguments("test", arguments));
  return holds(input);
}

bool is_defined(const Value& value) {
  return !value.is_undefined();
}
bool is_undefined(const Value& value) {
  return value.is_undefined();
}
bool is_none(const Value& value) {
  return value.is_none();
}
bool is_boolean(const Value& value) {
  return value.is(Kind::kBool);
}
bool is_true(const Value& value) {
  return value.is(Kind::kBool) && value.as_bool();
}
bool is_false(const Value& value) {
  return value.is(Kind::kBool) && !value.as_bool();
}
bool is_integer(const Value& value) {
  return value.is(Kind::kInt);
}
bool is_float(const Value& value) {
  return value.is(Kind::kFloat);
}
bool is_number(const Value& value) {
  return value.is_number();
}
bool is_string(const Value& value) {
  return value.is_string();
}
bool is_mapping(const Value& value) {
  return value.is_dict();
}
bool is_escaped(const Value& value) {
  return value.is_string() && value.string_data().markup;
}
bool is_callable(const Value& value) {
  return value.is(Kind::kObject) && value.object().is_callable();
}

bool is_sequence(const Value& value) {
  return value.is_string() || value.is_dict() || value.is(Kind::kRange) || value.is_undefined() ||
         is_list(value) || is_tuple(value);
}

template <Comparison op>
Result<bool> compares(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("comparison", arguments, {"other"}, 1));
  return compare(runtime, op, input, *bound[0]);
}

Result<bool> is_same_as(Runtime& /*runtime*/, const Value& input, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("sameas", arguments, {"other"}, 1));
  return input.same_as(*bound[0]);
}

Result<bool> divides(Runtime& runtime, const Value& input, int64_t by, int64_t wanted) {
  HEARTH_ASSIGN(const Value remainder,
                arithmetic(runtime, BinaryOperator::kModulo, input, Value::integer(by)));
  return are_equal(runtime, remainder, Value::integer(wanted));
}

template <int64_t remainder>
Result<bool> has_parity(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_TRY(expect_no_arguments("odd", arguments));
  if (input.is_string()) return template_error("odd: expected a number, found str");
  return divides(runtime, input, 2, remainder);
}

Result<bool> is_divisible_by(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("divisibleby", arguments, {"num"}, 1));
  HEARTH_ASSIGN(const int64_t by, integer_or("divisibleby", bound[0], 1));
  if (input.is_string()) return template_error("divisibleby: expected a number, found str");
  return divides(runtime, input, by, 0);
}

template <bool (*wanted)(char32_t), bool (*other)(char32_t)>
Result<bool> is_cased(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_TRY(expect_no_arguments("lower", arguments));
  HEARTH_ASSIGN(const std::string text, to_text(runtime, input));
  return has_only_case(text, wanted, other);
}

template <bool filters>
Result<bool> names_known(Runtime& /*runtime*/, const Value& input, const Arguments& arguments) {
  HEARTH_TRY(expect_no_arguments("filter", arguments));
  if (!input.is_string()) return false;
  return filters ? find_filter(input.as_string()) != nullptr : find_test(input.as_string()) != nullptr;
}

struct NamedTest {
  std::string_view name;
  TestFunction function;
};

constexpr auto kTests = std::to_array<NamedTest>({
    {"!=", compares<Comparison::kNotEqual>},
    {"<", compares<Comparison::kLess>},
    {"<=", compares<Comparison::kLessEqual>},
    {"==", compares<Comparison::kEqual>},
    {">", compares<Comparison::kGreater>},
    {">=", compares<Comparison::kGreaterEqual>},
    {"boolean", plain<is_boolean>},
    {"callable", plain<is_callable>},
    {"defined", plain<is_defined>},
    {"divisibleby", is_divisible_by},
    {"eq", compares<Comparison::kEqual>},
    {"equalto", compares<Comparison::kEqual>},
    {"escaped", plain<is_escaped>},
    {"even", has_parity<0>},
    {"false", plain<is_false>},
    {"filter", names_known<true>},
    {"float", plain<is_float>},
    {"ge", compares<Comparison::kGreaterEqual>},
    {"greaterthan", compares<Comparison::kGreater>},
    {"gt", compares<Comparison::kGreater>},
    {"in", compares<Comparison::kIn>},
    {"integer", plain<is_integer>},
    {"iterable", plain<is_iterable>},
    {"le", compares<Comparison::kLessEqual>},
    {"lessthan", compares<Comparison::kLess>},
    {"lower", is_cased<is_lower, is_upper>},
    {"lt", compares<Comparison::kLess>},
    {"mapping", plain<is_mapping>},
    {"ne", compares<Comparison::kNotEqual>},
    {"none", plain<is_none>},
    {"number", plain<is_number>},
    {"odd", has_parity<1>},
    {"sameas", is_same_as},
    {"sequence", plain<is_sequence>},
    {"string", plain<is_string>},
    {"test", names_known<false>},
    {"true", plain<is_true>},
    {"undefined", plain<is_undefined>},
    {"upper", is_cased<is_upper, is_lower>},
});

}  // namespace

TestFunction find_test(std::string_view name) {
  for (const NamedTest& each : kTests) {
    if (each.name == name) return each.function;
  }
  return nullptr;
}

}  // namespace hearth::text::jinja
