// The items that POST /v1/responses takes and gives: messages, and what was thought before them.
#pragma once

#include <optional>
#include <string>

#include "server/wire/json_body.h"

namespace hearth::server::openai {

// `input`, a text or a list of items, in the one form in which items are kept and listed: each with an id,
// messages with a list of parts. Notes what is wrong or not supported.
wire::Json read_input_items(const wire::Field& input);

// The protocol's conversation_json of items in that form. Instructions stand before them, and are kept by
// nobody: the next response has its own.
std::string conversation_of(const std::optional<std::string>& instructions, const wire::Json& items);

}  // namespace hearth::server::openai
