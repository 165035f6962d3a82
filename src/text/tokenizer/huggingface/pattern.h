// "pattern" of tokenizer.json: a string, or a regular expression as Oniguruma reads it, in Ruby's syntax.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "text/tokenizer/huggingface/json_place.h"
#include "text/tokenizer/regex.h"

namespace hearth::text {

// {"String": ...} or {"Regex": ...}.
Result<Regex> read_pattern(const JsonPlace& place);

// `expression` in PCRE2's syntax: classes within classes and their intersections become assertions, \h a
// hexadecimal digit, \uFFFF a character.
std::string translate_oniguruma(std::string_view expression);

// An expression that matches `text` and nothing else.
std::string quote_for_regex(std::string_view text);

}  // namespace hearth::text
