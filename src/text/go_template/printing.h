// How Go prints: fmt.Sprint, Sprintln and Sprintf, and what a template's action writes.
//
// The verbs are those of Go's fmt: %v %+v %#v %T %t %b %c %d %o %O %q %x %X %U %e %E %f %F %g %G %s %p, with
// flags, width, precision and argument indexes, and its texts for what does not fit (%!d(string=x)).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "text/chat_template/limits.h"
#include "text/go_template/value.h"

namespace hearth::text::go_template {

// kResourceExhausted for a text that costs more than the budget has.
Result<std::string> sprint(std::span<const Value> values, jinja::Budget& budget);
Result<std::string> sprintln(std::span<const Value> values, jinja::Budget& budget);
// kInvalidArgument for what of Go's is not here: floats with the flag # or the verbs b, x and X.
Result<std::string> sprintf(std::string_view format, std::span<const Value> values, jinja::Budget& budget);

// What {{ value }} writes.
Result<std::string> printed(const Value& value, jinja::Budget& budget);

// strconv.Quote: in double quotes, with escapes for what does not print.
std::string quoted(std::string_view text, bool only_ascii = false);

}  // namespace hearth::text::go_template
