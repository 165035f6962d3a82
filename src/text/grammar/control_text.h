// Control tokens in grammars. The name of one, "<|end|>", can stand in an answer's text too, where it means
// nothing: a grammar reads the token itself as bytes that no text has.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace hearth::text::grammar {

// The token's name between two bytes that UTF-8 does not use.
std::string control_token_bytes(std::string_view name);

// A mark as an answer begins or ends a part with it ("<|channel|>final<|message|>"): the names of control
// tokens in it are the tokens.
std::string mark_bytes(std::string_view mark, std::span<const std::string> control_names);

}  // namespace hearth::text::grammar
