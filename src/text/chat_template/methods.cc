#include "text/chat_template/methods.h"

#include <algorithm>
#include <array>

#include "text/chat_template/arguments.h"
#include "text/chat_template/runtime.h"

namespace hearth::text::jinja {
namespace {

using Form = SequenceData::Form;

Method find_method(const Value& self, std::string_view name) {
  if (self.is_string()) return find_string_method(name);
  if (self.is_dict()) return find_dict_method(name);
  if (is_list(self) || is_tuple(self)) return find_list_method(name);
  return nullptr;
}

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<Value> column(const DictData& dict, bool keys) {
  std::vector<Value> values;
  values.reserve(dict.entries.size());
  for (const auto& [key, value] : dict.entries) values.push_back(keys ? key : value);
  return values;
}

Result<Value> dict_keys(Runtime& runtime, const Value& self, const Arguments& arguments) {
  HEARTH_TRY(expect_no_arguments("dict.keys", arguments));
  return runtime.sequence(column(self.dict_data(), true), Form::kDictKeys);
}

Result<Value> dict_values(Runtime& runtime, const Value& self, const Arguments& arguments) {
  HEARTH_TRY(expect_no_arguments("dict.values", arguments));
  return runtime.sequence(column(self.dict_data(), false), Form::kDictValues);
}

Result<Value> dict_items(Runtime& runtime, const Value& self, const Arguments& arguments) {
  HEARTH_TRY(expect_no_arguments("dict.items", arguments));
  HEARTH_TRY(runtime.budget().elements(3 * self.dict_data().entries.size()));
  std::vector<Value> pairs;
  for (const auto& [key, value] : self.dict_data().entries) pairs.push_back(tuple({key, value}));
  return runtime.sequence(std::move(pairs), Form::kDictItems);
}

Result<Value> dict_get(Runtime& /*runtime*/, const Value& self, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("dict.get", arguments, {"key", "default"}, 1));
  if (!is_hashable(*bound[0])) {
    if (bound[0]->is_undefined()) return undefined_error(*bound[0]);
    return template_error("dict.get: unhashable type: '{}'", type_name(*bound[0]));
  }
  const Value* value = self.dict_data().find(*bound[0]);
  if (value != nullptr) return *value;
  return bound[1] == nullptr ? Value() : *bound[1];
}

Result<Value> dict_copy(Runtime& /*runtime*/, const Value& self, const Arguments& arguments) {
  HEARTH_TRY(expect_no_arguments("dict.copy", arguments));
  return self;
}

Result<Value> list_index(Runtime& runtime, const Value& self, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("list.index", arguments, {"value", "start", "stop"}, 1));
  const auto n = static_cast<int64_t>(self.items().size());
  HEARTH_ASSIGN(int64_t start, integer_or("list.index", bound[1], 0));
  HEARTH_ASSIGN(int64_t stop, integer_or("list.index", bound[2], n));
  if (start < 0) start = std::max<int64_t>(start + n, 0);
  if (stop < 0) stop += n;
  for (int64_t i = start; i < std::min(stop, n); ++i) {
    HEARTH_ASSIGN(const bool equal, are_equal(runtime, self.items()[static_cast<size_t>(i)], *bound[0]));
    if (equal) return Value::integer(i);
  }
  return template_error("list.index: the value is not in the list");
}

Result<Value> list_count(Runtime& runtime, const Value& self, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("list.count", arguments, {"value"}, 1));
  int64_t count = 0;
  for (const Value& item : self.items()) {
    HEARTH_ASSIGN(const bool equal, are_equal(runtime, item, *bound[0]));
    count += static_cast<int64_t>(equal);
  }
  return Value::integer(count);
}

Result<Value> list_copy(Runtime& /*runtime*/, const Value& self, const Arguments& arguments) {
  HEARTH_TRY(expect_no_arguments("list.copy", arguments));
  return self;
}

struct NamedMethod {
  std::string_view name;
  Method method;
};

template <size_t n>
Method find_in(const std::array<NamedMethod, n>& methods, std::string_view name) {
  for (const NamedMethod& each : methods) {
    if (each.name == name) return each.method;
  }
  return nullptr;
}

constexpr auto kDictMethods = std::to_array<NamedMethod>({
    {"copy", dict_copy},
    {"get", dict_get},
    {"items", dict_items},
    {"keys", dict_keys},
    {"values", dict_values},
});

constexpr auto kListMethods = std::to_array<NamedMethod>({
    {"copy", list_copy},
    {"count", list_count},
    {"index", list_index},
});

}  // namespace

Method find_dict_method(std::string_view name) {
  return find_in(kDictMethods, name);
}

Method find_list_method(std::string_view name) {
  return find_in(kListMethods, name);
}

bool has_method(const Value& self, std::string_view name) {
  if (self.is(Value::Kind::kObject)) return self.object().has_method(name);
  return find_method(self, name) != nullptr;
}

bool is_mutating_method(const Value& self, std::string_view name) {
  if (is_list(self))
    return is_one_of(name, {"append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"});
  return self.is_dict() && is_one_of(name, {"clear", "pop", "popitem", "setdefault", "update"});
}

Result<Value> call_method(Runtime& runtime, const Value& self, std::string_view name,
                          const Arguments& arguments) {
  if (self.is(Value::Kind::kObject)) return self.object().call_method(runtime, name, arguments);
  const Method method = find_method(self, name);
  HEARTH_CHECK(method != nullptr);
  return method(runtime, self, arguments);
}

}  // namespace hearth::text::jinja
