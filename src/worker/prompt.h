// From what a call brings along (a conversation, a text, tokens) to the tokens that the engine continues.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/adapter/loaded_adapter.h"
#include "protocol/engine.pb.h"
#include "text/chat/reasoning.h"
#include "text/chat_template/value.h"
#include "worker/opened_model.h"
#include "worker/tool_calls.h"

namespace hearth::worker {

// What an engine continues.
struct Prompt {
  std::vector<text::TokenId> tokens;
  std::optional<text::ReasoningFormat> reasoning;  // how thinking is marked in the answer, if it is
  bool begins_thinking = false;                    // the answer begins inside of it
  // Control tokens whose names are part of the answer's text, for the marks in it.
  std::vector<text::TokenId> visible_control_tokens;
  // How the answer is divided into texts and calls; without tools, where even texts have a mark. Absent: it
  // is passed on as it is.
  std::optional<CallRules> calls;
  std::shared_ptr<const models::LoadedAdapter> adapter;  // that it is evaluated with; null: none
};

// The context of a chat template: the conversation, add_generation_prompt and those of the template's
// switches that `think` (may be null) is about. What the conversation says itself wins. kMalformed for JSON
// that is no object.
Result<text::Value> template_context(const std::string& conversation_json, std::string_view template_source,
                                     const protocol::Think* think);

// Errors: those of template_context() and of chat templates; kUnsupported for a conversation with a model
// that has no chat format.
Result<Prompt> prompt_of(const OpenedModel& model, const protocol::Generate& call);

std::vector<text::TokenId> text_tokens(const text::Tokenizer& tokenizer, const protocol::Text& text);

// A conversation as the model gets it: its text, and its tokens with their bytes.
Result<protocol::Tokens> rendering(const OpenedModel& model, const protocol::Render& call);

protocol::Tokens described_tokens(const text::Tokenizer& tokenizer, const std::vector<text::TokenId>& tokens);

}  // namespace hearth::worker
