// The values that Ollama's templates are given.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "text/chat_template/value.h"
#include "text/go_template/value.h"

namespace hearth::text {

// A message as templates with .Messages see it.
struct OllamaMessage {
  std::string role;
  std::string content;
  std::string thinking{};
  std::vector<go_template::Value> tool_calls{};
  std::string tool_name{};
  std::string tool_call_id{};
};

// The messages of a conversation, in which those of the same role that follow one another are one; results of
// tools stay apart. kInvalidArgument where they have no such form.
Result<std::vector<OllamaMessage>> ollama_messages(const Value& messages);

go_template::Value value_of(const std::vector<OllamaMessage>& messages);

// Tools, of whose schemas those keywords are kept that Ollama's API has: type, $defs, items, required and
// properties; of a property anyOf, type, items, description, enum, properties and required.
Result<go_template::Value> ollama_tools(const Value* tools);

}  // namespace hearth::text
