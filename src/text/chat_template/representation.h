// How values read: Python's str() and repr(), and JSON as templates write it.
#pragma once

#include <string>

#include "text/chat_template/runtime.h"
#include "text/chat_template/value.h"

namespace hearth::text::jinja {

// Python's repr of a float: the shortest digits that read back as the same number.
std::string float_text(double value);

// Appends str(value). Text and lists made on the way are paid from the budget.
Result<void> append_text(Runtime& runtime, std::string& out, const Value& value);
Result<void> append_repr(Runtime& runtime, std::string& out, const Value& value);
// str(value); a string's own bytes.
Result<std::string> to_text(Runtime& runtime, const Value& value);

struct JsonStyle {
  bool ensure_ascii = false;
  bool sort_keys = false;
  std::optional<std::string> indent;  // what one level is indented by; nothing: all on one line
  std::string item_separator = ", ";
  std::string key_separator = ": ";
};
// json.dumps(value). Undefined, functions and the like have no JSON: an error.
Result<std::string> to_json(Runtime& runtime, const Value& value, const JsonStyle& style);

// &, <, >, " and ' as HTML entities.
std::string escape_html(std::string_view text);

}  // namespace hearth::text::jinja
