#include "text/chat_template/operators.h"

#include <algorithm>
#include <cmath>

#include "text/chat_template/unicode.h"

namespace hearth::text::jinja {
namespace {

using Kind = Value::Kind;

Result<bool> equal_items(Runtime& runtime, const std::vector<Value>& a, const std::vector<Value>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    HEARTH_ASSIGN(const bool equal, are_equal(runtime, a[i], b[i]));
    if (!equal) return false;
  }
  return true;
}

Result<bool> equal_dicts(Runtime& runtime, const DictData& a, const DictData& b) {
  if (a.entries.size() != b.entries.size()) return false;
  for (const auto& [key, value] : a.entries) {
    const Value* other = b.find(key);
    if (other == nullptr) return false;
    HEARTH_ASSIGN(const bool equal, are_equal(runtime, value, *other));
    if (!equal) return false;
  }
  return true;
}

bool equal_ranges(const RangeData& a, const RangeData& b) {
  return a.length == b.length &&
         (a.length == 0 || (a.start == b.start && (a.length == 1 || a.step == b.step)));
}

bool is_nan(const Value& value) {
  return value.is(Kind::kFloat) && std::isnan(value.as_float());
}

Result<int> order_items(Runtime& runtime, const std::vector<Value>& a, const std::vector<Value>& b) {
  for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
    HEARTH_ASSIGN(const bool equal, are_equal(runtime, a[i], b[i]));
    if (!equal) return order(runtime, a[i], b[i]);
  }
  return a.size() < b.size() ? -1 : static_cast<int>(a.size() > b.size());
}

}  // namespace

Error undefined_error(const Value& value) {
  return template_error("{}", value.undefined().message);
}

bool is_truthy(const Value& value) {
  switch (value.kind()) {
    case Kind::kNone:
    case Kind::kUndefined:
      return false;
    case Kind::kBool:
    case Kind::kInt:
      return value.as_int() != 0;
    case Kind::kFloat:
      return value.as_float() != 0;
    case Kind::kString:
      return !value.as_string().empty();
    case Kind::kSequence:
      return !value.items().empty();
    case Kind::kDict:
      return !value.dict_data().entries.empty();
    case Kind::kRange:
      return value.range().length > 0;
    case Kind::kObject:
      return true;
  }
  return true;
}

Result<bool> are_equal(Runtime& runtime, const Value& a, const Value& b) {
  HEARTH_TRY(runtime.budget().steps(1));
  if (a.is_number() && b.is_number()) return !is_nan(a) && !is_nan(b) && compare_numbers(a, b) == 0;
  if (a.kind() != b.kind()) return false;
  if (a.is_undefined() || a.same_as(b)) return true;
  switch (a.kind()) {
    case Kind::kString:
      if (a.as_string().size() != b.as_string().size()) return false;
      HEARTH_TRY(runtime.budget().bytes(a.as_string().size()));
      return a.as_string() == b.as_string();
    case Kind::kSequence:
      if (a.sequence().form != b.sequence().form) return false;
      return equal_items(runtime, a.items(), b.items());
    case Kind::kDict:
      return equal_dicts(runtime, a.dict_data(), b.dict_data());
    case Kind::kRange:
      return equal_ranges(a.range(), b.range());
    default:
      return a.is_none();
  }
}

Result<int> order(Runtime& runtime, const Value& a, const Value& b) {
  HEARTH_TRY(runtime.budget().steps(1));
  if (a.is_undefined()) return undefined_error(a);
  if (b.is_undefined()) return undefined_error(b);
  if (a.is_number() && b.is_number()) return compare_numbers(a, b);
  if (a.is_string() && b.is_string()) {
    HEARTH_TRY(runtime.budget().bytes(std::min(a.as_string().size(), b.as_string().size())));
    return a.as_string().compare(b.as_string());
  }
  if ((is_list(a) && is_list(b)) || (is_tuple(a) && is_tuple(b)))
    return order_items(runtime, a.items(), b.items());
  return template_error("'<' not supported between instances of '{}' and '{}'", type_name(a), type_name(b));
}

Result<bool> compare(Runtime& runtime, Comparison op, const Value& a, const Value& b) {
  if (op == Comparison::kIn) return contains(runtime, b, a);
  if (op == Comparison::kEqual || op == Comparison::kNotEqual) {
    HEARTH_ASSIGN(const bool equal, are_equal(runtime, a, b));
    return equal == (op == Comparison::kEqual);
  }
  if (op == Comparison::kNotIn) {
    HEARTH_ASSIGN(const bool found, contains(runtime, b, a));
    return !found;
  }
  HEARTH_ASSIGN(const int order_of_pair, order(runtime, a, b));
  if (is_nan(a) || is_nan(b)) return false;
  switch (op) {
    case Comparison::kLess:
      return order_of_pair < 0;
    case Comparison::kLessEqual:
      return order_of_pair <= 0;
    case Comparison::kGreater:
      return order_of_pair > 0;
    default:
      return order_of_pair >= 0;
  }
}

Result<bool> contains(Runtime& runtime, const Value& container, const Value& item) {
  if (container.is_string()) {
    if (!item.is_string()) {
      return template_error("'in <string>' requires string as left operand, not {}", type_name(item));
    }
    HEARTH_TRY(runtime.budget().bytes(container.as_string().size()));
    return find_text(container.as_string(), item.as_string()) != std::string_view::npos;
  }
  if (container.is_dict()) {
    if (!is_hashable(item)) return template_error("unhashable type: '{}'", type_name(item));
    return container.dict_data().find(item) != nullptr;
  }
  if (!is_iterable(container)) {
    return template_error("argument of type '{}' is not iterable", type_name(container));
  }
  HEARTH_ASSIGN(const std::vector<Value> items, iterate(runtime, container));
  for (const Value& each : items) {
    HEARTH_ASSIGN(const bool equal, are_equal(runtime, each, item));
    if (equal) return true;
  }
  return false;
}

bool is_iterable(const Value& value) {
  switch (value.kind()) {
    case Kind::kString:
    case Kind::kSequence:
    case Kind::kDict:
    case Kind::kRange:
    case Kind::kUndefined:
      return true;
    case Kind::kObject:
      return dynamic_cast<Generator*>(&value.object()) != nullptr;
    default:
      return false;
  }
}

Result<std::vector<Value>> iterate(Runtime& runtime, const Value& value) {
  std::vector<Value> items;
  switch (value.kind()) {
    case Kind::kUndefined:
      return items;
    case Kind::kSequence:
      HEARTH_TRY(runtime.budget().elements(value.items().size()));
      return value.items();
    case Kind::kDict:
      HEARTH_TRY(runtime.budget().elements(value.dict_data().entries.size()));
      for (const auto& entry : value.dict_data().entries) items.push_back(entry.first);
      return items;
    case Kind::kRange:
      HEARTH_TRY(runtime.budget().elements(static_cast<uint64_t>(value.range().length)));
      for (int64_t i = 0; i < value.range().length; ++i) items.push_back(Value::integer(value.range().at(i)));
      return items;
    case Kind::kString: {
      const StringData& text = value.string_data();
      // Each character becomes a string of its own.
      HEARTH_TRY(runtime.budget().elements(4 * length_in_code_points(text)));
      for (size_t at = 0, next = 0; at < text.bytes.size(); at = next) {
        const StringData rest(text.bytes.substr(at, 4));
        next = at + std::max<size_t>(1, byte_offset(rest, 1));
        items.push_back(Value::string(text.bytes.substr(at, next - at)));
      }
      return items;
    }
    case Kind::kObject:
      if (auto* generator = dynamic_cast<Generator*>(&value.object())) return generator->drain();
      break;
    default:
      break;
  }
  return template_error("'{}' object is not iterable", type_name(value));
}

Result<int64_t> length(Runtime& runtime, const Value& value) {
  switch (value.kind()) {
    case Kind::kString:
      if (!value.string_data().ascii) HEARTH_TRY(runtime.budget().characters(value.as_string().size()));
      return static_cast<int64_t>(length_in_code_points(value.string_data()));
    case Kind::kSequence:
      return static_cast<int64_t>(value.items().size());
    case Kind::kDict:
      return static_cast<int64_t>(value.dict_data().entries.size());
    case Kind::kRange:
      return value.range().length;
    case Kind::kUndefined:
      return 0;
    default:
      return template_error("object of type '{}' has no len()", type_name(value));
  }
}

}  // namespace hearth::text::jinja
