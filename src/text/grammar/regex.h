// Regular expressions as JSON Schema's `pattern` has them (ECMA-262 with the flag u), as expressions of a
// grammar.
#pragma once

#include <string_view>

#include "base/result.h"
#include "text/grammar/grammar.h"

namespace hearth::text::grammar {

// How the characters that the expression speaks of stand in the answer.
enum class RegexText {
  kPlain,       // as themselves, in UTF-8
  kJsonString,  // as within a JSON string, in its canonical form (json_text.h), without the quotes
};

// The texts in which `pattern` is found: anywhere, as in ECMA-262, unless ^ and $ tie it. With `whole`, the
// texts that it is all of. kInvalidArgument, with the offset, for what is no regular expression;
// kUnsupported, by name, for what is none of regular languages (back references, look-around, \b within).
Result<GrammarBuilder::Node> add_regex(GrammarBuilder& builder, std::string_view pattern, RegexText text,
                                       bool whole);

}  // namespace hearth::text::grammar
