// What stands behind '|', behind 'is', and what every template can call.
#pragma once

#include "text/chat_template/object.h"

namespace hearth::text::jinja {

using FilterFunction = Result<Value> (*)(Runtime& runtime, const Value& input, const Arguments& arguments);
using TestFunction = Result<bool> (*)(Runtime& runtime, const Value& input, const Arguments& arguments);

struct NamedFilter {
  std::string_view name;
  FilterFunction function;
};

// Null where there is none of this name.
FilterFunction find_filter(std::string_view name);
TestFunction find_test(std::string_view name);
Function::Body find_global(std::string_view name);

// The filters, a file for each group; find_filter searches them.
FilterFunction find_text_filter(std::string_view name);
FilterFunction find_number_filter(std::string_view name);
FilterFunction find_sequence_filter(std::string_view name);
FilterFunction find_selection_filter(std::string_view name);

}  // namespace hearth::text::jinja
