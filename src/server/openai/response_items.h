// The items that POST /v1/responses takes and gives: messages, what was thought before them, calls of tools
// and what they gave.
#pragma once

#include <optional>
#include <string>

#include "server/wire/json_body.h"

namespace hearth::server::openai {

// `input`, a text or a list of items, in the one form in which items are kept and listed: each with an id,
// messages with a list of parts. Notes what is wrong or not supported.
wire::Json read_input_items(const wire::Field& input);

// The protocol's conversation_json of items in that form, with the tools of inference/tools.h. Instructions
// stand before them, and are kept by nobody: the next response has its own.
std::string conversation_of(const std::optional<std::string>& instructions, const wire::Json& items,
                            const wire::Json& tools);

}  // namespace hearth::server::openai
