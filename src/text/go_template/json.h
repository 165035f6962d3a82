// What encoding/json makes of a value.
#pragma once

#include <string>

#include "base/result.h"
#include "text/chat_template/limits.h"
#include "text/go_template/value.h"

namespace hearth::text::go_template {

// Keys of maps in their order, <, > and & escaped for HTML, as json.Marshal does. Appends to `out`; what it
// writes is paid for. Nothing where there is no JSON: of a number that is not finite.
Result<void> append_json(std::string& out, const Value& value, jinja::Budget& budget);

// A number as encoding/json writes it.
std::string json_number(double value);

}  // namespace hearth::text::go_template
