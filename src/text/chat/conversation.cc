#include "text/chat/conversation.h"

namespace hearth::text {

Value conversation_context(std::span<const ChatMessage> messages,
                           std::span<const std::pair<std::string, Value>> switches) {
  std::vector<Value> list;
  list.reserve(messages.size());
  for (const ChatMessage& message : messages) {
    list.push_back(
        Value::dict({{"role", Value::string(message.role)}, {"content", Value::string(message.content)}}));
  }
  std::vector<std::pair<std::string, Value>> entries{{"messages", Value::list(std::move(list))},
                                                     {"add_generation_prompt", Value::boolean(true)}};
  entries.insert(entries.end(), switches.begin(), switches.end());
  return Value::dict(std::move(entries));
}

Value with_defaults(const Value& context, std::span<const std::pair<std::string, Value>> defaults) {
  // Later entries of a dict win.
  std::vector<std::pair<std::string, Value>> entries(defaults.begin(), defaults.end());
  for (const auto& [key, value] : context.dict_data().entries)
    entries.emplace_back(std::string(key.as_string()), value);
  return Value::dict(std::move(entries));
}

}  // namespace hearth::text
