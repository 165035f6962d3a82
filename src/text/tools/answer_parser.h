// An answer as text and calls, in any of the syntaxes.
#pragma once

#include <memory>
#include <span>

#include "text/tools/call_syntax.h"
#include "text/tools/tool_calls.h"

namespace hearth::text {

// `syntax` must outlive the parser.
std::unique_ptr<ToolCallParser> make_answer_parser(const CallSyntax& syntax, std::span<const Tool> tools);

}  // namespace hearth::text
