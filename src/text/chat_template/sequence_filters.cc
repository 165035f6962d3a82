#include <algorithm>
#include <array>
#include <map>

#include "text/chat_template/arguments.h"
#include "text/chat_template/filters.h"
#include "text/chat_template/item_keys.h"
#include "text/chat_template/representation.h"
#include "text/chat_template/text_operations.h"

namespace hearth::text::jinja {
namespace {

Generator* as_generator(const Value& value) {
  return value.is(Value::Kind::kObject) ? dynamic_cast<Generator*>(&value.object()) : nullptr;
}

Result<Value> length_filter(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_TRY(expect_no_arguments("length", arguments));
  HEARTH_ASSIGN(const int64_t n, length(runtime, input));
  return Value::integer(n);
}

Result<Value> first(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_TRY(expect_no_arguments("first", arguments));
  const Value none = undefined("no first item, the sequence is empty");
  if (Generator* generator = as_generator(input)) return generator->next().value_or(none);
  HEARTH_ASSIGN(const auto items, iterate(runtime, input));
  return items.empty() ? none : items.front();
}

Result<Value> last(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_TRY(expect_no_arguments("last", arguments));
  if (as_generator(input) != nullptr) return template_error("last: a generator is not reversible");
  HEARTH_ASSIGN(const auto items, iterate(runtime, input));
  return items.empty() ? undefined("no last item, the sequence is empty") : items.back();
}

Result<Value> list(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_TRY(expect_no_arguments("list", arguments));
  HEARTH_ASSIGN(auto items, iterate(runtime, input));
  return runtime.sequence(std::move(items));
}

Result<Value> items(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_TRY(expect_no_arguments("items", arguments));
  std::vector<Value> pairs;
  if (!input.is_undefined()) {
    if (!input.is_dict()) return template_error("items: expected a mapping, found {}", type_name(input));
    HEARTH_TRY(runtime.budget().elements(2 * input.dict_data().entries.size()));
    for (const auto& [key, value] : input.dict_data().entries) pairs.push_back(tuple({key, value}));
  }
  return runtime.generator(std::move(pairs));
}

Result<Value> reverse(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_TRY(expect_no_arguments("reverse", arguments));
  HEARTH_ASSIGN(auto reversed, iterate(runtime, input));
  std::reverse(reversed.begin(), reversed.end());
  if (!input.is_string()) return runtime.generator(std::move(reversed));
  HEARTH_ASSIGN(std::string text, join_text(runtime, reversed, ""));
  return runtime.text(std::move(text), input.string_data().markup);
}

Result<Value> join(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("join", arguments, {"d", "attribute"}));
  std::string separator;
  if (bound[0] != nullptr) {
    HEARTH_ASSIGN(separator, to_text(runtime, *bound[0]));
  }
  HEARTH_ASSIGN(const ItemKey key, ItemKey::create(runtime, "join", bound[1]));
  HEARTH_ASSIGN(auto parts, iterate(runtime, input));
  for (Value& part : parts) {
    HEARTH_ASSIGN(part, key.of(runtime, part));
  }
  HEARTH_ASSIGN(std::string text, join_text(runtime, parts, separator));
  return runtime.text(std::move(text));
}

Result<Value> default_filter(Runtime& /*runtime*/, const Value& input, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("default", arguments, {"default_value", "boolean"}));
  const bool absent = input.is_undefined() || (flag_or(bound[1], false) && !is_truthy(input));
  if (!absent) return input;
  return bound[0] == nullptr ? Value::string("") : *bound[0];
}

struct Keyed {
  Value key;
  Value item;
};

Result<std::vector<Keyed>> keyed_items(Runtime& runtime, const Value& input, const ItemKey& key,
                                       bool ignores_case) {
  HEARTH_ASSIGN(const auto all, iterate(runtime, input));
  std::vector<Keyed> keyed;
  keyed.reserve(all.size());
  for (const Value& item : all) {
    HEARTH_ASSIGN(Value of_item, key.sort_key(runtime, item, ignores_case));
    keyed.push_back({std::move(of_item), item});
  }
  return keyed;
}

// Stable. After an error every comparison says "not less", and the error is the result.
Result<void> sort_keyed(Runtime& runtime, std::vector<Keyed>& keyed, bool reversed) {
  std::optional<Error> error;
  std::stable_sort(keyed.begin(), keyed.end(), [&](const Keyed& a, const Keyed& b) {
    if (error) return false;
    const auto sign = reversed ? order(runtime, b.key, a.key) : order(runtime, a.key, b.key);
    if (sign) return *sign < 0;
    error = sign.error();
    return false;
  });
  if (error) return *error;
  return {};
}

Result<Value> sort(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("sort", arguments, {"reverse", "case_sensitive", "attribute"}));
  HEARTH_ASSIGN(const ItemKey key, ItemKey::create(runtime, "sort", bound[2], true));
  HEARTH_ASSIGN(auto keyed, keyed_items(runtime, input, key, !flag_or(bound[1], false)));
  HEARTH_TRY(sort_keyed(runtime, keyed, flag_or(bound[0], false)));
  std::vector<Value> sorted;
  sorted.reserve(keyed.size());
  for (Keyed& each : keyed) sorted.push_back(std::move(each.item));
  return runtime.sequence(std::move(sorted));
}

Result<Value> dictsort(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("dictsort", arguments, {"case_sensitive", "by", "reverse"}));
  HEARTH_ASSIGN(const std::string_view by, string_or("dictsort", bound[1], "key"));
  if (by != "key" && by != "value") return template_error("dictsort: 'by' is either 'key' or 'value'");
  if (input.is_undefined()) return undefined_error(input);
  if (!input.is_dict()) return template_error("dictsort: expected a mapping, found {}", type_name(input));
  const Value index = Value::integer(static_cast<int64_t>(by == "value"));
  HEARTH_ASSIGN(const ItemKey key, ItemKey::create(runtime, "dictsort", &index));
  HEARTH_ASSIGN(const Value pairs, items(runtime, input, {}));
  HEARTH_ASSIGN(auto keyed, keyed_items(runtime, pairs, key, !flag_or(bound[0], false)));
  HEARTH_TRY(sort_keyed(runtime, keyed, flag_or(bound[2], false)));
  std::vector<Value> sorted;
  sorted.reserve(keyed.size());
  for (Keyed& each : keyed) sorted.push_back(std::move(each.item));
  return runtime.sequence(std::move(sorted));
}

Result<Value> groupby(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("groupby", arguments, {"attribute", "default", "case_sensitive"}, 1));
  HEARTH_ASSIGN(const ItemKey key, ItemKey::create(runtime, "groupby", bound[0]));
  const bool ignores_case = !flag_or(bound[2], false);
  HEARTH_ASSIGN(const auto all, iterate(runtime, input));
  std::vector<Keyed> keyed;
  for (const Value& item : all) {
    HEARTH_ASSIGN(const Value of_item, key.of(runtime, item, bound[1]));
    const bool lowers = ignores_case && of_item.is_string();
    HEARTH_ASSIGN(Value low, lowers ? runtime.text(to_lower(of_item.as_string())) : Result<Value>(of_item));
    keyed.push_back({std::move(low), tuple({of_item, item})});
  }
  HEARTH_TRY(sort_keyed(runtime, keyed, false));
  std::vector<Value> groups;
  for (size_t begin = 0, end = 0; begin < keyed.size(); begin = end) {
    std::vector<Value> members;
    for (end = begin; end < keyed.size(); ++end) {
      HEARTH_ASSIGN(const bool equal, are_equal(runtime, keyed[begin].key, keyed[end].key));
      if (!equal && end > begin) break;
      members.push_back(keyed[end].item.items()[1]);
    }
    HEARTH_ASSIGN(Value group, runtime.sequence(std::move(members)));
    groups.push_back(tuple({keyed[begin].item.items()[0], std::move(group)}));
  }
  return runtime.sequence(std::move(groups));
}

// Keys that Python could not hash are compared one with another.
Result<Value> unique(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("unique", arguments, {"case_sensitive", "attribute"}));
  HEARTH_ASSIGN(const ItemKey key, ItemKey::create(runtime, "unique", bound[1]));
  HEARTH_ASSIGN(auto keyed, keyed_items(runtime, input, key, !flag_or(bound[0], false)));
  const auto less = [](const Value& a, const Value& b) { return compare_keys(a, b) < 0; };
  std::map<Value, bool, decltype(less)> seen(less);
  std::vector<Value> kept;
  for (Keyed& each : keyed) {
    if (!is_hashable(each.key)) return template_error("unique: unhashable type: '{}'", type_name(each.key));
    if (each.key.is_string()) HEARTH_TRY(runtime.budget().bytes(each.key.as_string().size()));
    if (seen.try_emplace(each.key, true).second) kept.push_back(std::move(each.item));
  }
  return runtime.generator(std::move(kept));
}

template <bool greatest>
Result<Value> extreme(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind(greatest ? "max" : "min", arguments, {"case_sensitive", "attribute"}));
  HEARTH_ASSIGN(const ItemKey key, ItemKey::create(runtime, "max", bound[1]));
  HEARTH_ASSIGN(const auto keyed, keyed_items(runtime, input, key, !flag_or(bound[0], false)));
  if (keyed.empty()) return undefined("no aggregated item, the sequence is empty");
  size_t best = 0;
  for (size_t i = 1; i < keyed.size(); ++i) {
    HEARTH_ASSIGN(const int sign, order(runtime, keyed[i].key, keyed[best].key));
    if (greatest ? sign > 0 : sign < 0) best = i;
  }
  return keyed[best].item;
}

Result<Value> sum(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("sum", arguments, {"attribute", "start"}));
  HEARTH_ASSIGN(const ItemKey key, ItemKey::create(runtime, "sum", bound[0]));
  HEARTH_ASSIGN(const auto all, iterate(runtime, input));
  Value total = bound[1] == nullptr ? Value::integer(0) : *bound[1];
  if (total.is_string()) return template_error("sum: cannot sum strings; use join");
  for (const Value& item : all) {
    HEARTH_ASSIGN(const Value term, key.of(runtime, item));
    HEARTH_ASSIGN(total, arithmetic(runtime, BinaryOperator::kAdd, total, term));
  }
  return total;
}

Result<Value> batch(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("batch", arguments, {"linecount", "fill_with"}, 1));
  HEARTH_ASSIGN(const int64_t size, integer_or("batch", bound[0], 0));
  if (size < 1) return template_error("batch: expected a positive count, found {}", size);
  HEARTH_ASSIGN(const auto all, iterate(runtime, input));
  const bool fills = bound[1] != nullptr && !bound[1]->is_none();
  std::vector<Value> batches;
  for (size_t begin = 0; begin < all.size();) {
    const size_t n = std::min(all.size() - begin, static_cast<size_t>(size));
    const auto first_item = all.begin() + static_cast<ptrdiff_t>(begin);
    std::vector<Value> one(first_item, first_item + static_cast<ptrdiff_t>(n));
    if (fills && n < static_cast<size_t>(size)) {
      HEARTH_TRY(runtime.budget().steps(static_cast<uint64_t>(size)));
      one.resize(static_cast<size_t>(size), *bound[1]);
    }
    HEARTH_ASSIGN(Value made, runtime.sequence(std::move(one)));
    batches.push_back(std::move(made));
    begin += n;
  }
  return runtime.generator(std::move(batches));
}

Result<Value> slice(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("slice", arguments, {"slices", "fill_with"}, 1));
  HEARTH_ASSIGN(const int64_t n_slices, integer_or("slice", bound[0], 0));
  if (n_slices < 1) return template_error("slice: expected a positive count, found {}", n_slices);
  HEARTH_TRY(runtime.budget().elements(static_cast<uint64_t>(n_slices)));
  HEARTH_ASSIGN(const auto all, iterate(runtime, input));
  const size_t least = all.size() / static_cast<size_t>(n_slices);
  const size_t n_longer = all.size() % static_cast<size_t>(n_slices);
  std::vector<Value> slices;
  for (size_t i = 0, begin = 0; i < static_cast<size_t>(n_slices); ++i) {
    const size_t n = least + static_cast<size_t>(i < n_longer);
    const auto first_item = all.begin() + static_cast<ptrdiff_t>(begin);
    std::vector<Value> one(first_item, first_item + static_cast<ptrdiff_t>(n));
    if (bound[1] != nullptr && !bound[1]->is_none() && i >= n_longer) one.push_back(*bound[1]);
    HEARTH_ASSIGN(Value made, runtime.sequence(std::move(one)));
    slices.push_back(std::move(made));
    begin += n;
  }
  return runtime.generator(std::move(slices));
}

constexpr auto kFilters = std::to_array<NamedFilter>({
    {"batch", batch},
    {"count", length_filter},
    {"d", default_filter},
    {"default", default_filter},
    {"dictsort", dictsort},
    {"first", first},
    {"groupby", groupby},
    {"items", items},
    {"join", join},
    {"last", last},
    {"length", length_filter},
    {"list", list},
    {"max", extreme<true>},
    {"min", extreme<false>},
    {"reverse", reverse},
    {"slice", slice},
    {"sort", sort},
    {"sum", sum},
    {"unique", unique},
});

}  // namespace

FilterFunction find_sequence_filter(std::string_view name) {
  for (const NamedFilter& each : kFilters) {
    if (each.name == name) return each.function;
  }
  return nullptr;
}

}  // namespace hearth::text::jinja
