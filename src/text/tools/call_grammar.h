// The grammar of whole answers with calls.
#pragma once

#include <span>

#include "base/result.h"
#include "text/grammar/grammar.h"
#include "text/tools/call_syntax.h"
#include "text/tools/tool_calls.h"

namespace hearth::text {

// As ToolFormat::add_answer.
Result<grammar::GrammarBuilder::Node> add_call_answer(grammar::GrammarBuilder& builder,
                                                      const CallSyntax& syntax, std::span<const Tool> tools,
                                                      const ToolUse& use);

}  // namespace hearth::text
