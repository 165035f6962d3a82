// From what a call brings along (a conversation, a text, tokens) to the tokens that the engine continues.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "protocol/engine.pb.h"
#include "text/chat_template/value.h"
#include "worker/opened_model.h"

namespace hearth::worker {

// The context of a chat template: the conversation, add_generation_prompt and what `think` (may be null)
// switches, by the names that templates have for it. What the conversation says itself wins. kMalformed for
// JSON that is no object.
Result<text::Value> template_context(const std::string& conversation_json, const protocol::Think* think);

// Errors: those of template_context() and of chat templates; kUnsupported for a conversation with a model
// that has no chat format.
Result<std::vector<text::TokenId>> prompt_tokens(const OpenedModel& model, const protocol::Generate& call);

std::vector<text::TokenId> text_tokens(const text::Tokenizer& tokenizer, const protocol::Text& text);

// A conversation as the model gets it: its text, and its tokens with their bytes.
Result<protocol::Tokens> rendering(const OpenedModel& model, const protocol::Render& call);

protocol::Tokens described_tokens(const text::Tokenizer& tokenizer, const std::vector<text::TokenId>& tokens);

}  // namespace hearth::worker
