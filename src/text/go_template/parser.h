// A Go template's source as a tree.
#pragma once

#include <functional>
#include <string_view>

#include "base/result.h"
#include "text/go_template/ast.h"

namespace hearth::text::go_template {

// `is_function` knows the functions that it may call. kMalformed for what is no template, kUnsupported for
// imaginary numbers, kResourceExhausted for a source that is too large or nested too deep; each begins with
// "line:column: ".
Result<Tree> parse(std::string_view source, const std::function<bool(std::string_view)>& is_function);

}  // namespace hearth::text::go_template
