// The functions that every chat template can call.
#include <algorithm>
#include <array>
#include <cstring>

#include "text/chat_template/arguments.h"
#include "text/chat_template/filters.h"
#include "text/chat_template/representation.h"

namespace hearth::text::jinja {
namespace {

Result<Value> raise_exception(Runtime& runtime, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("raise_exception", arguments, {"message"}, 1));
  HEARTH_ASSIGN(const std::string message, to_text(runtime, *bound[0]));
  return template_error("{}", message);
}

Result<Value> range(Runtime& /*runtime*/, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("range", arguments, {"start", "stop", "step"}, 1));
  const bool has_start = bound[1] != nullptr;
  HEARTH_ASSIGN(const int64_t start, integer_or("range", has_start ? bound[0] : nullptr, 0));
  HEARTH_ASSIGN(const int64_t stop, integer_or("range", has_start ? bound[1] : bound[0], 0));
  HEARTH_ASSIGN(const int64_t step, integer_or("range", bound[2], 1));
  constexpr int64_t kGreatest = int64_t{1} << 61;
  for (const int64_t bound_value : {start, stop, step}) {
    if (bound_value < -kGreatest || bound_value > kGreatest)
      return template_error("range: {} is too large", bound_value);
  }
  if (step == 0) return template_error("range: the step is zero");
  const int64_t distance = step > 0 ? stop - start : start - stop;
  const int64_t magnitude = step > 0 ? step : -step;
  const int64_t n = distance <= 0 ? 0 : (distance - 1) / magnitude + 1;
  if (n > kMaxRange) {
    return make_error(ErrorCode::kResourceExhausted, "range: expected at most {} items, found {}", kMaxRange,
                      n);
  }
  return Value::of(RangeData{start, stop, step, n});
}

// What dict() and namespace() begin with: a mapping or pairs, then keywords.
Result<std::vector<DictData::Entry>> entries_of(Runtime& runtime, const Arguments& arguments) {
  std::vector<DictData::Entry> entries;
  if (arguments.positional.size() > 1) return template_error("dict: expected at most 1 argument");
  if (arguments.positional.size() == 1 && arguments.positional[0].is_dict()) {
    entries = arguments.positional[0].dict_data().entries;
    HEARTH_TRY(runtime.budget().elements(entries.size()));
  } else if (arguments.positional.size() == 1) {
    HEARTH_ASSIGN(const auto pairs, iterate(runtime, arguments.positional[0]));
    for (const Value& pair : pairs) {
      HEARTH_ASSIGN(const auto both, iterate(runtime, pair));
      if (both.size() != 2) return template_error("dict: expected pairs, found {} values", both.size());
      entries.emplace_back(both[0], both[1]);
    }
  }
  for (const auto& [name, value] : arguments.named) entries.emplace_back(Value::string(name), value);
  return entries;
}

Result<Value> dict(Runtime& runtime, const Arguments& arguments) {
  HEARTH_ASSIGN(auto entries, entries_of(runtime, arguments));
  return runtime.dict(std::move(entries));
}

Result<Value> make_namespace(Runtime& runtime, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto entries, entries_of(runtime, arguments));
  HEARTH_ASSIGN(Namespace * made, runtime.make<Namespace>());
  for (const auto& [name, value] : entries) {
    if (!name.is_string()) return template_error("namespace: expected names, found {}", type_name(name));
    made->set(name.as_string(), value);
  }
  return Value::of(made);
}

Result<Value> cycler(Runtime& runtime, const Arguments& arguments) {
  if (arguments.positional.empty() || !arguments.named.empty())
    return template_error("cycler: expected items");
  HEARTH_ASSIGN(Cycler * made, runtime.make<Cycler>(arguments.positional));
  return Value::of(made);
}

Result<Value> joiner(Runtime& runtime, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("joiner", arguments, {"sep"}));
  HEARTH_ASSIGN(Joiner * made, runtime.make<Joiner>(bound[0] == nullptr ? Value::string(", ") : *bound[0]));
  return Value::of(made);
}

// One directive, such as "%d" or "%-d".
std::string format_time(const std::string& directive, const std::tm& time) {
  if (directive == "%f") return "000000";
  char text[256];
// The directive is one of those that strftime_now() lets through.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  return {text, std::strftime(text, sizeof(text), directive.c_str(), &time)};
#pragma GCC diagnostic pop
}

Result<Value> strftime_now(Runtime& runtime, const Arguments& arguments) {
  constexpr std::string_view kDirectives = "aAbBcCdDeFgGhHIjklmMnpPrRStTuUVwWxXyYzZ%f";
  constexpr uint64_t kDirectiveBytes = 128;  // formatting one costs as much as copying so many
  HEARTH_ASSIGN(const auto bound, bind("strftime_now", arguments, {"format"}, 1));
  HEARTH_ASSIGN(std::string_view format, string_or("strftime_now", bound[0], ""));
  std::tm now{};
  if (runtime.now()) {
    now = *runtime.now();
  } else {
    const std::time_t seconds = std::time(nullptr);
    localtime_r(&seconds, &now);
  }
  std::string out;
  while (!format.empty()) {
    const size_t flag = format.size() > 2 && std::strchr("-_0^#", format[1]) != nullptr ? 1 : 0;
    const bool is_directive = format.front() == '%' && format.size() > 1 + flag &&
                              kDirectives.find(format[1 + flag]) != kDirectives.npos;
    HEARTH_TRY(runtime.budget().bytes(kDirectiveBytes));
    if (is_directive) out += format_time(std::string(format.substr(0, 2 + flag)), now);
    if (!is_directive) out.push_back(format.front());
    format.remove_prefix(is_directive ? 2 + flag : 1);
  }
  return runtime.text(std::move(out));
}

struct NamedFunction {
  std::string_view name;
  Function::Body body;
};

constexpr auto kFunctions = std::to_array<NamedFunction>({
    {"cycler", cycler},
    {"dict", dict},
    {"joiner", joiner},
    {"namespace", make_namespace},
    {"raise_exception", raise_exception},
    {"range", range},
    {"strftime_now", strftime_now},
});

}  // namespace

Function::Body find_global(std::string_view name) {
  for (const NamedFunction& each : kFunctions) {
    if (each.name == name) return each.body;
  }
  return nullptr;
}

}  // namespace hearth::text::jinja
