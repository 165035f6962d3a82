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

std::string Conversation::json() const {
  return wire::dump_json({{"messages", messages_}});
}

}  // namespace hearth::server::inference
