#include "server/inference/conversation.h"

#include <algorithm>

namespace hearth::server::inference {
namespace {

using wire::Field;
using wire::Json;

// The names under which templates look for what was thought: Qwen's and DeepSeek's, and gpt-oss's.
constexpr std::string_view kReasoningKeys[] = {"reasoning_content", "thinking"};

void append_to(Json& message, std::string_view key, std::string_view text, std::string_view between) {
  if (text.empty()) return;
  std::string joined = message.value(key, std::string());
  if (!joined.empty()) joined += between;
  joined += text;
  message[std::string(key)] = std::move(joined);
}

}  // namespace

void append_part(std::string& text, std::string_view part) {
  if (!text.empty()) text += '\n';
  text += part;
}

std::string read_text_content(const Field& content, std::initializer_list<std::string_view> text_types) {
  if (!content.present()) return {};
  if (content.json().is_string()) return content.json().get<std::string>();
  if (!content.json().is_array()) {
    content.expected("a string or a list of parts");
    return {};
  }
  std::string text;
  for (const Field& part : content.items()) {
    const auto type = part["type"].required().string();
    if (!type) break;  // noted
    if (std::find(text_types.begin(), text_types.end(), *type) == text_types.end()) {
      part["type"].reject(
          fmt::format("content of type {} is not supported, only text", wire::describe(Json(*type))));
      break;
    }
    if (const auto said = part["text"].required().string()) append_part(text, *said);
  }
  return text;
}

void Conversation::add(std::string_view role, std::string_view content, std::string_view reasoning) {
  const bool follows_its_like = !messages_.empty() && messages_.back()["role"] == role;
  if (!follows_its_like || (merging_ == Merging::kSystem && role != "system")) {
    messages_.push_back({{"role", role}, {"content", ""}});
  }
  Json& message = messages_.back();
  append_to(message, "content", content, "\n\n");
  for (const std::string_view key : kReasoningKeys) append_to(message, key, reasoning, "\n\n");
}

void Conversation::add_tool_call(const std::string& id, const std::string& name, Json arguments) {
  if (messages_.empty() || messages_.back()["role"] != "assistant") add("assistant", "");
  Json call{{"type", "function"}};
  if (!id.empty()) call["id"] = id;
  call["function"] = {{"name", name}, {"arguments", std::move(arguments)}};
  messages_.back()["tool_calls"].push_back(std::move(call));
  called_[id] = name;
}

void Conversation::add_tool_result(const std::string& call_id, std::string_view content, std::string name) {
  Json message{{"role", "tool"}, {"content", content}};
  const auto called = called_.find(call_id);
  if (name.empty() && called != called_.end()) name = called->second;
  if (!name.empty()) message["name"] = std::move(name);
  if (!call_id.empty()) message["tool_call_id"] = call_id;
  messages_.push_back(std::move(message));
}

std::string Conversation::json() const {
  Json conversation{{"messages", messages_}};
  if (!tools_.empty()) conversation["tools"] = tools_;
  return wire::dump_json(conversation);
}

}  // namespace hearth::server::inference
