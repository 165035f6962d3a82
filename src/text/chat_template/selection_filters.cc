#include <array>

#include "text/chat_template/arguments.h"
#include "text/chat_template/filters.h"
#include "text/chat_template/item_keys.h"

namespace hearth::text::jinja {
namespace {

Result<std::string_view> name_argument(std::string_view callee, const Arguments& arguments, size_t at) {
  return string_or(callee, &arguments.positional[at], "");
}

// Falsy inputs, None among them, have no items here.
Result<std::vector<Value>> items_of(Runtime& runtime, const Value& input) {
  return is_truthy(input) ? iterate(runtime, input) : std::vector<Value>();
}

// The arguments behind the first `n`, which go to the filter or test that is applied to each item.
Arguments without_first(const Arguments& arguments, size_t n) {
  Arguments rest = arguments;
  rest.positional.erase(rest.positional.begin(), rest.positional.begin() + static_cast<ptrdiff_t>(n));
  return rest;
}

Result<Value> attr(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("attr", arguments, {"name"}, 1));
  HEARTH_ASSIGN(const std::string_view name, string_or("attr", bound[0], ""));
  if (input.is_dict() && !input.is_undefined()) {
    // attr never looks at items.
    return undefined(fmt::format("'dict object' has no attribute '{}'", shortened(name)));
  }
  return get_attribute(runtime, input, name);
}

Result<Value> map_attribute(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("map", arguments, {"attribute", "default"}));
  HEARTH_ASSIGN(const ItemKey key, ItemKey::create(runtime, "map", bound[0]));
  HEARTH_ASSIGN(auto items, items_of(runtime, input));
  for (Value& item : items) {
    HEARTH_ASSIGN(item, key.of(runtime, item, bound[1]));
  }
  return runtime.generator(std::move(items));
}

Result<Value> map(Runtime& runtime, const Value& input, const Arguments& arguments) {
  if (arguments.positional.empty()) return map_attribute(runtime, input, arguments);
  HEARTH_ASSIGN(const std::string_view name, name_argument("map", arguments, 0));
  const FilterFunction filter = find_filter(name);
  if (filter == nullptr) return template_error("map: no filter named '{}'", shortened(name));
  const Arguments rest = without_first(arguments, 1);
  HEARTH_ASSIGN(auto items, items_of(runtime, input));
  for (Value& item : items) {
    HEARTH_TRY(runtime.budget().steps(1));
    HEARTH_ASSIGN(item, filter(runtime, item, rest));
  }
  return runtime.generator(std::move(items));
}

// select(test, ...), or selectattr(attribute, test, ...); without a test an item counts by its truth.
template <bool by_attribute, bool keeps>
Result<Value> select(Runtime& runtime, const Value& input, const Arguments& arguments) {
  constexpr size_t kTestAt = by_attribute ? 1 : 0;
  if (arguments.positional.size() < kTestAt)
    return template_error("selectattr: missing argument 'attribute'");
  HEARTH_ASSIGN(const ItemKey key,
                ItemKey::create(runtime, "selectattr", by_attribute ? &arguments.positional[0] : nullptr));
  TestFunction test = nullptr;
  Arguments rest;
  if (arguments.positional.size() > kTestAt) {
    HEARTH_ASSIGN(const std::string_view name, name_argument("select", arguments, kTestAt));
    test = find_test(name);
    if (test == nullptr) return template_error("select: no test named '{}'", shortened(name));
    rest = without_first(arguments, kTestAt + 1);
  }
  HEARTH_ASSIGN(const auto items, items_of(runtime, input));
  std::vector<Value> selected;
  for (const Value& item : items) {
    HEARTH_TRY(runtime.budget().steps(1));
    HEARTH_ASSIGN(const Value tested, key.of(runtime, item));
    HEARTH_ASSIGN(const bool holds,
                  test == nullptr ? Result<bool>(is_truthy(tested)) : test(runtime, tested, rest));
    if (holds == keeps) selected.push_back(item);
  }
  return runtime.generator(std::move(selected));
}

constexpr auto kFilters = std::to_array<NamedFilter>({
    {"attr", attr},
    {"map", map},
    {"reject", select<false, false>},
    {"rejectattr", select<true, false>},
    {"select", select<false, true>},
    {"selectattr", select<true, true>},
});

}  // namespace

FilterFunction find_selection_filter(std::string_view name) {
  for (const NamedFilter& each : kFilters) {
    if (each.name == name) return each.function;
  }
  return nullptr;
}

}  // namespace hearth::text::jinja
