// Python's two ways to format: 'x is %s' % value, and 'x is {}'.format(value).
#pragma once

#include <string>

#include "text/chat_template/object.h"
#include "text/chat_template/runtime.h"

namespace hearth::text::jinja {

// `values` is a tuple, a dict for %(name)s, or the one value.
Result<std::string> format_percent(Runtime& runtime, std::string_view pattern, const Value& values);
// Fields are {}, {0}, {name}, {0.attribute}, {0[item]}, with !r, !s and a format specification without nested
// fields.
Result<std::string> format_braces(Runtime& runtime, std::string_view pattern, const Arguments& arguments);
// `text`, `n` times. The caller has paid.
void append_repeated(std::string& out, std::string_view text, size_t n);
// Pads to `width` code points: align is '<', '>', '^' (format's centre) or 'c' (str.center's).
Result<std::string> pad(Runtime& runtime, std::string_view text, int64_t width, char align,
                        std::string_view fill);

}  // namespace hearth::text::jinja
