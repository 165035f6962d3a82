// The JSON that answers are written in. Of the many ways to write one value a grammar knows one, so that what
// holds for a text holds for the value that a client reads from it.
#pragma once

#include "text/grammar/grammar.h"

namespace hearth::text::grammar {

// One character of a string's value within the quotes: itself in UTF-8, but for the quotation mark and the
// backslash (\" and \\) and control characters below U+0020 (\b \f \n \r \t, otherwise \u00xx in lower case).
GrammarBuilder::Node add_json_character(GrammarBuilder& builder, std::span<const CodePointRange> ranges);
GrammarBuilder::Node add_any_json_character(GrammarBuilder& builder);

// A text as a JSON string in that form, with the quotes.
std::string json_string(std::string_view text);

// White space that may stand after a comma, a colon, an opening and before a closing bracket: bounded, so
// that no answer can be nothing but white space.
GrammarBuilder::Node add_json_space(GrammarBuilder& builder);

}  // namespace hearth::text::grammar
