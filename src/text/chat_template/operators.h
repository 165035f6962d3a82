// Python's operators on values.
#pragma once

#include <vector>

#include "text/chat_template/ast.h"
#include "text/chat_template/runtime.h"

namespace hearth::text::jinja {

bool is_truthy(const Value& value);
// == never fails on types, only on the budget.
Result<bool> are_equal(Runtime& runtime, const Value& a, const Value& b);
// Negative, 0 or positive; an error for types that Python does not order. NaN stands behind every number.
Result<int> order(Runtime& runtime, const Value& a, const Value& b);
Result<bool> compare(Runtime& runtime, Comparison op, const Value& a, const Value& b);
// item in container
Result<bool> contains(Runtime& runtime, const Value& container, const Value& item);

Result<Value> arithmetic(Runtime& runtime, BinaryOperator op, const Value& a, const Value& b);
Result<Value> negate(const Value& value);

// What `for` walks: a string's characters, a dict's keys, nothing for undefined. Uses a generator up.
Result<std::vector<Value>> iterate(Runtime& runtime, const Value& value);
bool is_iterable(const Value& value);
// len()
Result<int64_t> length(Runtime& runtime, const Value& value);

// object.name and object[key]: attribute first, or item first; undefined where neither is there.
Result<Value> get_attribute(Runtime& runtime, const Value& object, std::string_view name);
Result<Value> get_item(Runtime& runtime, const Value& object, const Value& key);
// object[start:stop:step]; None where absent.
Result<Value> get_slice(Runtime& runtime, const Value& object, const Value& start, const Value& stop,
                        const Value& step);

// The error for using an undefined value as anything but nothing.
Error undefined_error(const Value& value);

}  // namespace hearth::text::jinja
