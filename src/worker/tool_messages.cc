#include "worker/tool_messages.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace hearth::worker {
namespace {

using Json = nlohmann::ordered_json;

struct MessageForm {
  bool arguments_are_text = false;
  bool empty_is_null = false;  // the content beside calls
  bool short_ids = false;
};

constexpr size_t kShortId = 9;

bool is_short_id(const std::string& id) {
  const auto is_alphanumeric = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  return id.size() == kShortId && std::all_of(id.begin(), id.end(), is_alphanumeric);
}

// The same for the same id, so that a result finds its call. FNV-1a.
std::string short_id(const std::string& id) {
  if (is_short_id(id)) return id;
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : id) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return fmt::format("{:016x}", hash).substr(0, kShortId);
}

void put_ids(Json& object, const char* name) {
  const auto id = object.find(name);
  if (id != object.end() && id->is_string()) *id = short_id(id->get<std::string>());
}

void put_calls(Json& calls, const MessageForm& form) {
  for (Json& call : calls) {
    if (!call.is_object()) continue;
    if (form.short_ids) put_ids(call, "id");
    if (!form.arguments_are_text || !call.contains("function") || !call["function"].is_object()) continue;
    Json& function = call["function"];
    if (function.contains("arguments") && function["arguments"].is_object())
      function["arguments"] = function["arguments"].dump(-1, ' ', false, Json::error_handler_t::replace);
  }
}

void put_in_form(Json& conversation, const MessageForm& form) {
  for (Json& message : conversation["messages"]) {
    if (!message.is_object()) continue;
    if (form.short_ids) put_ids(message, "tool_call_id");
    if (!message.contains("tool_calls") || !message["tool_calls"].is_array()) continue;
    put_calls(message["tool_calls"], form);
    if (form.empty_is_null && message.value("content", Json()) == "") message["content"] = nullptr;
  }
}

// One call, and what it gave.
Json probe() {
  return Json::parse(R"({"messages": [{"role": "user", "content": "question"},
    {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "id": "call_0123456789abcdef",
      "function": {"name": "function_name", "arguments": {"parameter": "needle"}}}]},
    {"role": "tool", "content": "result", "name": "function_name", "tool_call_id": "call_0123456789abcdef"}],
    "tools": [{"type": "function", "function": {"name": "function_name", "description": "what it does",
      "parameters": {"type": "object", "properties": {"parameter": {"type": "string", "description": "what it is"}},
        "required": ["parameter"]}}}],
    "add_generation_prompt": true})");
}

// Whether the arguments are in the text, and neither as JSON within JSON nor as Python shows a dict.
bool takes(const text::ChatFormat& format, const MessageForm& form) {
  Json conversation = probe();
  put_in_form(conversation, form);
  const auto context = text::value_from_json(conversation.dump());
  if (!context) return false;
  const auto text = format.render(*context);
  return text && text->find("needle") != std::string::npos && text->find("\\\"needle") == std::string::npos &&
         text->find("{'parameter'") == std::string::npos;
}

// The first that the template takes, the usual one before all others.
MessageForm form_of(const text::ChatFormat& format) {
  for (const bool empty_is_null : {false, true}) {
    for (const bool arguments_are_text : {false, true}) {
      for (const bool short_ids : {false, true}) {
        const MessageForm form{arguments_are_text, empty_is_null, short_ids};
        if (takes(format, form)) return form;
      }
    }
  }
  return {};
}

}  // namespace

std::string fit_tool_messages(const text::ChatFormat& format, const std::string& conversation_json) {
  if (conversation_json.find("\"tool_calls\"") == std::string::npos) return conversation_json;
  Json conversation = Json::parse(conversation_json, nullptr, /*allow_exceptions=*/false);
  if (!conversation.is_object() || !conversation.contains("messages") || !conversation["messages"].is_array())
    return conversation_json;  // the template's parser says what is wrong
  const MessageForm form = form_of(format);
  if (!form.arguments_are_text && !form.empty_is_null && !form.short_ids) return conversation_json;
  put_in_form(conversation, form);
  return conversation.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace hearth::worker
