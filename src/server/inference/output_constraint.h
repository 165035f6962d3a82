// What an answer is held to: JSON, a grammar, a regular expression, one of some texts. Of several in one
// request the second is noted as wrong.
#pragma once

#include "protocol/engine.pb.h"
#include "server/wire/json_body.h"

namespace hearth::server::inference {

// A JSON Schema: an object, or true or false. The order of its members reaches the engine as it is. These
// four do nothing where the field is absent.
void constrain_to_schema(const wire::Field& schema, protocol::Generate& generate);
void constrain_to_grammar(const wire::Field& gbnf, protocol::Generate& generate);
void constrain_to_regex(const wire::Field& regex, protocol::Generate& generate);
void constrain_to_choices(const wire::Field& texts, protocol::Generate& generate);
// Any JSON object. `field`: what asked for it.
void constrain_to_object(const wire::Field& field, protocol::Generate& generate);

// `grammar` (GBNF), `regex` and `choices`, also under vLLM's names: guided_grammar, guided_regex,
// guided_choice, guided_json, and structured_outputs.{grammar,regex,choice,json,json_object}.
void read_guides(const wire::Field& root, protocol::Generate& generate);

// Notes at `tools` that calls are to be had, and a constraint as well: an answer would have to be both.
void forbid_constrained_calls(const wire::Field& tools, const protocol::Generate& generate);

}  // namespace hearth::server::inference
