// A conversation as chat templates take it.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "text/chat_template/value.h"

namespace hearth::text {

struct ChatMessage {
  std::string role;  // "system", "user", "assistant"
  std::string content;
};

// The context of a template that asks for the assistant's next message: messages, add_generation_prompt, and
// `switches` (enable_thinking, ...), which win over both.
Value conversation_context(std::span<const ChatMessage> messages,
                           std::span<const std::pair<std::string, Value>> switches = {});

// `context`, which is a dict, with those of `defaults` that it does not have.
Value with_defaults(const Value& context, std::span<const std::pair<std::string, Value>> defaults);

}  // namespace hearth::text
