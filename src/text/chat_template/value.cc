#include "text/chat_template/value.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/utf8.h"
#include "text/chat_template/object.h"

namespace hearth::text {
namespace jinja {
namespace {

// Classes of keys; within one, values are comparable.
int key_class(const Value& value) {
  if (value.is_none()) return 0;
  if (value.is_number()) return 1;
  return value.is_string() ? 2 : 3;
}

template <typename T>
int three_way(const T& a, const T& b) {
  return a < b ? -1 : static_cast<int>(b < a);
}

// Exact, where converting the integer to a float would round it: the order must be transitive.
int compare_int_float(int64_t a, double b) {
  constexpr double kTwoTo63 = 9223372036854775808.0;
  if (b >= kTwoTo63) return -1;
  if (b < -kTwoTo63) return 1;
  const double whole = std::trunc(b);
  if (const int order = three_way(a, static_cast<int64_t>(whole)); order != 0) return order;
  return three_way(whole, b);
}

}  // namespace

StringData::StringData(std::string text, bool is_markup)
    : bytes(std::move(text)),
      ascii(std::all_of(bytes.begin(), bytes.end(), [](char c) { return static_cast<signed char>(c) >= 0; })),
      markup(is_markup) {}

SequenceData::SequenceData(std::vector<Value> values, Form as)
    : items(std::move(values)), form(as), depth(1) {
  for (const Value& item : items) depth = std::max(depth, item.depth() + 1);
}

DictData::DictData(std::vector<Entry> pairs) : depth(1) {
  std::vector<uint32_t> order(pairs.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](uint32_t a, uint32_t b) { return compare_keys(pairs[a].first, pairs[b].first) < 0; });
  std::vector<bool> dropped(pairs.size());
  for (size_t i = 0, first = 0; i < order.size(); ++i) {
    if (i == 0 || compare_keys(pairs[order[first]].first, pairs[order[i]].first) != 0) {
      first = i;
      continue;
    }
    pairs[order[first]].second = std::move(pairs[order[i]].second);
    dropped[order[i]] = true;
  }
  std::vector<uint32_t> place(pairs.size());
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (dropped[i]) continue;
    place[i] = static_cast<uint32_t>(entries.size());
    depth = std::max({depth, pairs[i].first.depth() + 1, pairs[i].second.depth() + 1});
    entries.push_back(std::move(pairs[i]));
  }
  for (const uint32_t i : order) {
    if (!dropped[i]) by_key.push_back(place[i]);
  }
}

const Value* DictData::find(const Value& key) const {
  const auto at = std::lower_bound(by_key.begin(), by_key.end(), key, [&](uint32_t i, const Value& wanted) {
    return compare_keys(entries[i].first, wanted) < 0;
  });
  if (at == by_key.end() || compare_keys(entries[*at].first, key) != 0) return nullptr;
  return &entries[*at].second;
}

const Value* DictData::find(std::string_view key) const {
  const auto less = [&](uint32_t i, std::string_view wanted) {
    const Value& held = entries[i].first;
    return key_class(held) != 2 ? key_class(held) < 2 : held.as_string() < wanted;
  };
  const auto at = std::lower_bound(by_key.begin(), by_key.end(), key, less);
  if (at == by_key.end() || !entries[*at].first.is_string() || entries[*at].first.as_string() != key) {
    return nullptr;
  }
  return &entries[*at].second;
}

int compare_numbers(const Value& a, const Value& b) {
  if (a.is_integral() && b.is_integral()) return three_way(a.as_int(), b.as_int());
  const double x = a.as_float();
  const double y = b.as_float();
  if (std::isnan(x) || std::isnan(y))
    return static_cast<int>(std::isnan(x)) - static_cast<int>(std::isnan(y));
  if (a.is_integral()) return compare_int_float(a.as_int(), y);
  return b.is_integral() ? -compare_int_float(b.as_int(), x) : three_way(x, y);
}

bool is_hashable(const Value& value) {
  if (is_tuple(value)) return std::all_of(value.items().begin(), value.items().end(), is_hashable);
  return value.is_none() || value.is_number() || value.is_string();
}

int compare_keys(const Value& a, const Value& b) {
  if (const int order = three_way(key_class(a), key_class(b)); order != 0) return order;
  switch (key_class(a)) {
    case 0:
      return 0;
    case 1:
      return compare_numbers(a, b);
    case 2:
      // UTF-8's byte order is the order of code points.
      return a.as_string().compare(b.as_string());
    default:
      for (size_t i = 0; i < a.items().size() && i < b.items().size(); ++i) {
        if (const int order = compare_keys(a.items()[i], b.items()[i]); order != 0) return order;
      }
      return three_way(a.items().size(), b.items().size());
  }
}

Value tuple(std::vector<Value> items) {
  return Value::of(SequenceData(std::move(items), SequenceData::Form::kTuple));
}

Value undefined(std::string message) {
  return Value::of(UndefinedData{std::move(message)});
}

Value undefined_name(std::string_view name) {
  return undefined(fmt::format("'{}' is undefined", shortened(name)));
}

std::string shortened(std::string_view name) {
  constexpr size_t kLongest = 80;
  if (name.size() <= kLongest) return std::string(name);
  return std::string(name.substr(0, complete_utf8_prefix(name.substr(0, kLongest)))) + "...";
}

bool is_tuple(const Value& value) {
  return value.is(Value::Kind::kSequence) && value.sequence().form == SequenceData::Form::kTuple;
}

bool is_list(const Value& value) {
  return value.is(Value::Kind::kSequence) && value.sequence().form == SequenceData::Form::kList;
}

std::string type_name(const Value& value) {
  static constexpr const char* kSequences[] = {"list", "tuple", "dict_items", "dict_keys", "dict_values"};
  switch (value.kind()) {
    case Value::Kind::kNone:
      return "NoneType";
    case Value::Kind::kBool:
      return "bool";
    case Value::Kind::kInt:
      return "int";
    case Value::Kind::kFloat:
      return "float";
    case Value::Kind::kString:
      return value.string_data().markup ? "Markup" : "str";
    case Value::Kind::kSequence:
      return kSequences[static_cast<size_t>(value.sequence().form)];
    case Value::Kind::kDict:
      return "dict";
    case Value::Kind::kRange:
      return "range";
    case Value::Kind::kUndefined:
      return "Undefined";
    case Value::Kind::kObject:
      return value.object().type_name();
  }
  return "object";
}

}  // namespace jinja

Value Value::boolean(bool value) {
  Value result;
  result.data_ = value;
  return result;
}

Value Value::integer(int64_t value) {
  Value result;
  result.data_ = value;
  return result;
}

Value Value::real(double value) {
  Value result;
  result.data_ = value;
  return result;
}

Value Value::string(std::string utf8) {
  return of(jinja::StringData(std::move(utf8)));
}

Value Value::list(std::vector<Value> items) {
  return of(jinja::SequenceData(std::move(items)));
}

Value Value::dict(std::vector<std::pair<std::string, Value>> entries) {
  std::vector<jinja::DictData::Entry> pairs;
  pairs.reserve(entries.size());
  for (std::pair<std::string, Value>& entry : entries) {
    pairs.emplace_back(string(std::move(entry.first)), std::move(entry.second));
  }
  return of(jinja::DictData(std::move(pairs)));
}

Value Value::of(jinja::StringData data) {
  Value result;
  result.data_ = std::make_shared<const jinja::StringData>(std::move(data));
  return result;
}

Value Value::of(jinja::SequenceData data) {
  Value result;
  result.data_ = std::make_shared<const jinja::SequenceData>(std::move(data));
  return result;
}

Value Value::of(jinja::DictData data) {
  Value result;
  result.data_ = std::make_shared<const jinja::DictData>(std::move(data));
  return result;
}

Value Value::of(jinja::RangeData data) {
  Value result;
  result.data_ = std::make_shared<const jinja::RangeData>(data);
  return result;
}

Value Value::of(jinja::UndefinedData data) {
  Value result;
  result.data_ = std::make_shared<const jinja::UndefinedData>(std::move(data));
  return result;
}

Value Value::of(jinja::Object* object) {
  Value result;
  result.data_ = object;
  return result;
}

std::string_view Value::as_string() const {
  return string_data().bytes;
}

const std::vector<Value>& Value::items() const {
  return sequence().items;
}

size_t Value::depth() const noexcept {
  if (is(Kind::kSequence)) return sequence().depth;
  return is(Kind::kDict) ? dict_data().depth : 0;
}

bool Value::same_as(const Value& other) const {
  return data_ == other.data_;
}

}  // namespace hearth::text
