// JSON Schema (2020-12 and draft 7) to a grammar of exactly the JSON texts that are valid, in a canonical
// form.
//
// docs/structured-output.md lists every keyword: kept, or refused by name. Nothing is ignored that could make
// an answer invalid.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "base/result.h"
#include "text/grammar/grammar.h"

namespace hearth::text::grammar {

// `schema` in a grammar: a text of the node is a JSON value that is valid against it. Errors say where in the
// schema, as a JSON pointer ("#/properties/a/not"): kUnsupported for a keyword that cannot be guaranteed,
// kInvalidArgument for a schema that is none or that nothing can fulfil, kResourceExhausted for limits.
// Reads of the schema only; several schemas may be added to one builder.
Result<GrammarBuilder::Node> add_json_schema(GrammarBuilder& builder, const nlohmann::ordered_json& schema);

// Any JSON value; any JSON object.
GrammarBuilder::Node add_json_value(GrammarBuilder& builder);
GrammarBuilder::Node add_json_object(GrammarBuilder& builder);

}  // namespace hearth::text::grammar
