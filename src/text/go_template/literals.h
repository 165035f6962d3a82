// Go's constants.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "text/go_template/value.h"

namespace hearth::text::go_template {

// A string in double quotes, a raw one in backquotes or a character in single ones, with its quotes.
// kMalformed for an escape that Go does not know.
Result<std::string> unquote(std::string_view quoted);

// An int or a float64, as Go's constants without a type become: the base by its prefix (0x, 0o, 0b, 0),
// underscores between digits, exponents. kMalformed for what is none; kUnsupported for imaginary numbers.
Result<Value> number_of(std::string_view text);

}  // namespace hearth::text::go_template
