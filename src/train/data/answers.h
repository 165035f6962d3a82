// What of a conversation's tokens the assistant says.
#pragma once

#include <span>
#include <vector>

#include "base/result.h"
#include "text/chat/chat_format.h"

namespace hearth::train {

struct WrittenConversation {
  std::vector<text::TokenId> tokens;
  std::vector<bool> is_answer;  // for each: of an assistant's message, with the token that ends it
};

// As the engine would give it to the model. An answer is what the format writes of an assistant's message
// behind the text that asks for it. Errors: of rendering; kUnsupported where that text does not stand before
// the answer, or tokens do not spell what was rendered.
Result<WrittenConversation> write_conversation(const text::ChatFormat& format,
                                               const text::Tokenizer& tokenizer,
                                               std::span<const text::ChatMessage> messages);

}  // namespace hearth::train
