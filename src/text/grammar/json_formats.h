// The formats of strings that JSON Schema names, as regular expressions.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::text::grammar {

// For add_regex(), and the whole text. Each allows only texts of the format; docs/structured-output.md says
// where it allows fewer. kUnsupported, with those there are, for others.
Result<std::string> regex_of_format(std::string_view format);

}  // namespace hearth::text::grammar
