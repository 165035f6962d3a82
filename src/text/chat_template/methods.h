// The methods of str, list, tuple, dict and objects. Values are immutable: Python's methods that change a
// list or dict do not exist, as in the sandbox in which templates run elsewhere.
#pragma once

#include "text/chat_template/object.h"

namespace hearth::text::jinja {

bool has_method(const Value& self, std::string_view name);
// list.append, dict.update and their kin.
bool is_mutating_method(const Value& self, std::string_view name);
// Requires has_method(self, name).
Result<Value> call_method(Runtime& runtime, const Value& self, std::string_view name,
                          const Arguments& arguments);

// By type; null where there is no such method.
using Method = Result<Value> (*)(Runtime& runtime, const Value& self, const Arguments& arguments);
Method find_string_method(std::string_view name);
Method find_dict_method(std::string_view name);
Method find_list_method(std::string_view name);

}  // namespace hearth::text::jinja
