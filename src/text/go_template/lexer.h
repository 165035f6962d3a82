// The tokens of a Go template.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/go_template/ast.h"

namespace hearth::text::go_template {

enum class TokenKind : uint8_t {
  kText,
  kActionBegin,  // {{
  kActionEnd,    // }}
  kSpace,
  kAssign,   // =
  kDeclare,  // :=
  kPipe,
  kComma,
  kOpen,   // (
  kClose,  // )
  kDot,
  kField,       // .Name
  kVariable,    // $ or $name
  kIdentifier,  // the name of a function
  kBool,
  kNumber,
  kCharacter,  // 'x', with its quotes
  kString,     // "x", with its quotes
  kRawString,  // `x`, with its quotes
  kNil,
  kBlock,
  kBreak,
  kContinue,
  kDefine,
  kElse,
  kEnd,
  kIf,
  kRange,
  kTemplate,
  kWith,
  kSourceEnd,
};

struct Token {
  TokenKind kind;
  std::string_view text;  // of the source
  Position at;
};

// Texts are already trimmed by {{- and -}}, and comments are gone. The last token is kSourceEnd. Errors,
// kMalformed, begin with line and column. The tokens point into `source`.
Result<std::vector<Token>> tokenize(std::string_view source);

// "line:column: what"
template <typename... Args>
Error malformed(Position at, fmt::format_string<Args...> format, Args&&... args) {
  return make_error(ErrorCode::kMalformed, "{}:{}: {}", at.line, at.column,
                    fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace hearth::text::go_template
