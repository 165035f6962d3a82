// A template's text as tokens: the text between tags with its white space already trimmed, and what stands in
// tags.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/chat_template/value.h"

namespace hearth::text::jinja {

enum class TokenKind {
  kText,
  kOutputBegin,  // {{
  kOutputEnd,    // }}
  kBlockBegin,   // {%
  kBlockEnd,     // %}
  kName,
  kLiteral,  // a string or number
  kOperator,
  kEnd,
};

struct Token {
  TokenKind kind;
  uint32_t line;
  std::string text;  // of a text, name or operator
  Value value;       // of a literal
};

// Follows Jinja with trim_blocks and lstrip_blocks: the newline behind a block or comment goes, as does the
// white space before one on its line; '-' and '+' inside the delimiters strip more, or nothing. Ends with
// kEnd.
Result<std::vector<Token>> tokenize(std::string_view source);

// The value of a quoted string's inside, or nothing where an escape is malformed.
std::optional<std::string> unescape(std::string_view quoted);

}  // namespace hearth::text::jinja
