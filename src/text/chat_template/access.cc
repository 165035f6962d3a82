// Attributes, items and slices.
#include <algorithm>

#include "text/chat_template/methods.h"
#include "text/chat_template/operators.h"
#include "text/chat_template/unicode.h"

namespace hearth::text::jinja {
namespace {

using Kind = Value::Kind;

// "dict object", "None": how Jinja names what lacks an attribute.
std::string owner_name(const Value& value) {
  return value.is_none() ? "None" : type_name(value) + " object";
}

Value missing(const Value& object, std::string_view name) {
  return undefined(fmt::format("'{}' has no attribute '{}'", owner_name(object), shortened(name)));
}

Result<std::optional<Value>> find_attribute(Runtime& runtime, const Value& object, std::string_view name) {
  if (!has_method(object, name)) {
    if (object.is(Kind::kObject)) return object.object().attribute(runtime, name);
    return std::optional<Value>();
  }
  HEARTH_ASSIGN(BoundMethod * method, runtime.make<BoundMethod>(object, std::string(name)));
  return std::optional(Value::of(method));
}

// A negative index counts from the end. Nothing where there is no such item.
std::optional<int64_t> resolve_index(int64_t index, int64_t n) {
  if (index < 0) index += n;
  if (index < 0 || index >= n) return std::nullopt;
  return index;
}

Result<std::optional<Value>> find_index(Runtime& runtime, const Value& object, int64_t index) {
  HEARTH_ASSIGN(const int64_t n, length(runtime, object));
  const auto at = resolve_index(index, n);
  if (!at) return std::optional<Value>();
  if (object.is(Kind::kRange)) return std::optional(Value::integer(object.range().at(*at)));
  if (object.is(Kind::kSequence)) return std::optional(object.items()[static_cast<size_t>(*at)]);
  const StringData& text = object.string_data();
  if (!text.ascii) HEARTH_TRY(runtime.budget().bytes(text.bytes.size()));
  const size_t begin = byte_offset(text, static_cast<size_t>(*at));
  const size_t end = byte_offset(text, static_cast<size_t>(*at) + 1);
  HEARTH_ASSIGN(Value character, runtime.text(text.bytes.substr(begin, end - begin), text.markup));
  return std::optional(std::move(character));
}

Result<std::optional<Value>> find_item(Runtime& runtime, const Value& object, const Value& key) {
  if (object.is_dict()) {
    if (!is_hashable(key)) return std::optional<Value>();
    const Value* value = object.dict_data().find(key);
    return value == nullptr ? std::optional<Value>() : std::optional(*value);
  }
  const bool indexable = object.is_string() || object.is(Kind::kRange) || is_list(object) || is_tuple(object);
  if (indexable && key.is_integral()) return find_index(runtime, object, key.as_int());
  return std::optional<Value>();
}

// What Python's slice.indices computes: the first index and how many steps are taken.
struct Steps {
  int64_t start;
  int64_t step;
  int64_t count;
};

Result<Steps> resolve_slice(const Value& start, const Value& stop, const Value& step, int64_t n) {
  for (const Value* each : {&start, &stop, &step}) {
    if (!each->is_none() && !each->is_integral()) {
      return template_error("slice indices must be integers or None, not {}", type_name(*each));
    }
  }
  const int64_t by = step.is_none() ? 1 : step.as_int();
  if (by == 0) return template_error("slice step cannot be zero");
  const int64_t lowest = by < 0 ? -1 : 0;
  const int64_t highest = by < 0 ? n - 1 : n;
  const auto clamp = [&](const Value& bound, int64_t absent) {
    if (bound.is_none()) return absent;
    const int64_t index = bound.as_int() < 0 ? std::max(bound.as_int(), -n - 1) + n : bound.as_int();
    return std::clamp(index, lowest, highest);
  };
  const int64_t first = clamp(start, by < 0 ? highest : lowest);
  const int64_t end = clamp(stop, by < 0 ? lowest : highest);
  const int64_t distance = by < 0 ? first - end : end - first;
  if (distance <= 0) return Steps{first, by, 0};
  // Unsigned: the negation of the least integer overflows.
  const uint64_t magnitude = by < 0 ? 0 - static_cast<uint64_t>(by) : static_cast<uint64_t>(by);
  return Steps{first, by, static_cast<int64_t>((static_cast<uint64_t>(distance) - 1) / magnitude) + 1};
}

Result<Value> slice_string(Runtime& runtime, const StringData& text, const Steps& steps) {
  HEARTH_TRY(runtime.budget().bytes(text.bytes.size()));
  std::vector<size_t> starts;
  if (!text.ascii) {
    HEARTH_TRY(runtime.budget().bytes(8 * text.bytes.size()));
    for (size_t at = 0; at < text.bytes.size(); at += byte_offset(StringData(text.bytes.substr(at, 4)), 1)) {
      starts.push_back(at);
    }
    starts.push_back(text.bytes.size());
  }
  const auto offset = [&](int64_t i) {
    return text.ascii ? static_cast<size_t>(i) : starts[static_cast<size_t>(i)];
  };
  if (steps.count == 0) return runtime.text("", text.markup);
  if (steps.step == 1) {
    const size_t begin = offset(steps.start);
    return runtime.text(text.bytes.substr(begin, offset(steps.start + steps.count) - begin), text.markup);
  }
  std::string out;
  for (int64_t i = 0; i < steps.count; ++i) {
    const int64_t at = steps.start + i * steps.step;
    out.append(text.bytes, offset(at), offset(at + 1) - offset(at));
  }
  return runtime.text(std::move(out), text.markup);
}

}  // namespace

Result<Value> get_attribute(Runtime& runtime, const Value& object, std::string_view name) {
  if (object.is_undefined()) return undefined_error(object);
  if (is_mutating_method(object, name)) {
    return undefined(
        fmt::format("access to attribute '{}' of '{}' object is unsafe.", name, type_name(object)));
  }
  HEARTH_ASSIGN(std::optional<Value> attribute, find_attribute(runtime, object, name));
  if (attribute) return *std::move(attribute);
  if (object.is_dict()) {
    if (const Value* value = object.dict_data().find(name)) return *value;
  }
  return missing(object, name);
}

Result<Value> get_item(Runtime& runtime, const Value& object, const Value& key) {
  if (object.is_undefined()) return undefined_error(object);
  HEARTH_ASSIGN(std::optional<Value> item, find_item(runtime, object, key));
  if (item) return *std::move(item);
  if (key.is_string()) {
    if (object.is_dict() && !has_method(object, key.as_string())) return missing(object, key.as_string());
    return get_attribute(runtime, object, key.as_string());
  }
  return undefined(fmt::format("{} has no element of that {}", owner_name(object), type_name(key)));
}

Result<Value> get_slice(Runtime& runtime, const Value& object, const Value& start, const Value& stop,
                        const Value& step) {
  if (object.is_undefined()) return undefined_error(object);
  const bool sliceable = object.is_string() || object.is(Kind::kRange) || is_list(object) || is_tuple(object);
  if (!sliceable) return undefined(fmt::format("{} has no slices", owner_name(object)));
  HEARTH_ASSIGN(const int64_t n, length(runtime, object));
  HEARTH_ASSIGN(const Steps steps, resolve_slice(start, stop, step, n));
  if (object.is_string()) return slice_string(runtime, object.string_data(), steps);
  if (object.is(Kind::kRange)) {
    const RangeData& range = object.range();
    const int64_t first = range.start + range.step * steps.start;
    if (steps.count <= 1) return Value::of(RangeData{first, first + steps.count, 1, steps.count});
    const int64_t by = range.step * steps.step;
    return Value::of(RangeData{first, first + by * steps.count, by, steps.count});
  }
  HEARTH_TRY(runtime.budget().elements(static_cast<uint64_t>(steps.count)));
  std::vector<Value> items;
  for (int64_t i = 0; i < steps.count; ++i) {
    items.push_back(object.items()[static_cast<size_t>(steps.start + i * steps.step)]);
  }
  return runtime.sequence(std::move(items), object.sequence().form);
}

}  // namespace hearth::text::jinja
