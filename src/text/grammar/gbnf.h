// Grammars as llama.cpp's users write them.
#pragma once

#include <memory>
#include <string_view>

#include "base/result.h"
#include "text/grammar/grammar.h"

namespace hearth::text::grammar {

// A grammar in GBNF, whose rule "root" is the whole answer. kInvalidArgument says on which line what was
// expected and what came; kUnsupported for rules about tokens (<think>, <[123]>); kResourceExhausted for
// limits. Source: llama.cpp's grammars/README.md.
Result<GrammarBuilder::Node> add_gbnf(GrammarBuilder& builder, std::string_view source);
// The same as a grammar of its own.
Result<std::shared_ptr<const Grammar>> parse_gbnf(std::string_view source, const GrammarLimits& limits = {});

}  // namespace hearth::text::grammar
