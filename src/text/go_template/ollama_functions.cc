#include <array>
#include <ctime>

#include "text/go_template/functions.h"
#include "text/go_template/json.h"

namespace hearth::text::go_template {
namespace {

using Arguments = std::span<const Value>;

Result<Value> json(Environment& environment, Arguments arguments) {
  std::string text;
  HEARTH_TRY(append_json(text, arguments[0], environment.budget));
  return Value::string(std::move(text));
}

Value date_of(const std::tm& day) {
  return Value::string(fmt::format("{:04}-{:02}-{:02}", day.tm_year + 1900, day.tm_mon + 1, day.tm_mday));
}

// A format may be given, and changes nothing.
Result<Value> current_date(Environment& environment, Arguments /*arguments*/) {
  return date_of(environment.now);
}

Result<Value> yesterday_date(Environment& environment, Arguments /*arguments*/) {
  std::tm day = environment.now;
  --day.tm_mday;
  day.tm_hour = 12;  // far from where the clocks change
  day.tm_isdst = -1;
  (void)std::mktime(&day);
  return date_of(day);
}

std::string_view typescript_name(std::string_view type) {
  static constexpr std::array<std::array<std::string_view, 2>, 7> kNames{{{"string", "string"},
                                                                          {"number", "number"},
                                                                          {"integer", "number"},
                                                                          {"boolean", "boolean"},
                                                                          {"array", "any[]"},
                                                                          {"object", "Record<string, any>"},
                                                                          {"null", "null"}}};
  for (const auto& [name, typescript] : kNames) {
    if (name == type) return typescript;
  }
  return "any";
}

// Of a tool's property; "any" for whatever else it gets.
std::string typescript_type(const Value& value) {
  if (!value.is(Value::Kind::kRecord)) return "any";
  const Record& property = value.as_record();
  const Value* any_of = property.find("AnyOf");
  const Value* types = property.find("Type");
  std::vector<std::string> names;
  if (any_of != nullptr && any_of->is(Value::Kind::kList)) {
    for (const Value& one : any_of->as_list().items) names.push_back(typescript_type(one));
  }
  if (names.empty() && types != nullptr && types->is(Value::Kind::kList)) {
    for (const Value& type : types->as_list().items) names.emplace_back(typescript_name(type.as_string()));
  }
  return names.empty() ? "any" : fmt::format("{}", fmt::join(names, " | "));
}

Result<Value> to_typescript_type(Environment& environment, Arguments arguments) {
  std::string text = typescript_type(arguments[0]);
  HEARTH_TRY(environment.budget.bytes(text.size()));
  return Value::string(std::move(text));
}

constexpr std::array kFunctions{
    Function{.name = "json", .least = 1, .most = 1, .call = json},
    Function{.name = "currentDate", .n_strings = SIZE_MAX, .call = current_date},
    Function{.name = "yesterdayDate", .n_strings = SIZE_MAX, .call = yesterday_date},
    Function{.name = "toTypeScriptType", .least = 1, .most = 1, .call = to_typescript_type},
};

}  // namespace

std::span<const Function> ollama_functions() {
  return kFunctions;
}

}  // namespace hearth::text::go_template
