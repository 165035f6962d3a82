#include "server/openai/response_items.h"

#include <algorithm>
#include <utility>

#include "server/inference/conversation.h"
#include "server/inference/random_id.h"
#include "server/inference/tool_calls.h"

namespace hearth::server::openai {
namespace {

using wire::Field;
using wire::Json;

std::string id_of(const Field& item, std::string_view prefix) {
  auto id = item["id"].string();
  return id && !id->empty() ? *std::move(id) : inference::random_id(prefix);
}

Json text_part(std::string_view role, std::string text) {
  if (role != "assistant") return {{"type", "input_text"}, {"text", std::move(text)}};
  return {{"type", "output_text"},
          {"text", std::move(text)},
          {"annotations", Json::array()},
          {"logprobs", Json::array()}};
}

Json read_content(const Field& content, std::string_view role) {
  Json parts = Json::array();
  if (!content.required().present()) return parts;
  if (content.json().is_string()) {
    parts.push_back(text_part(role, content.json().get<std::string>()));
    return parts;
  }
  if (!content.json().is_array()) {
    content.expected("a string or a list of parts");
    return parts;
  }
  for (const Field& part : content.items()) {
    const auto type = part["type"].required().string();
    if (!type) break;  // noted
    if (*type != "input_text" && *type != "output_text" && *type != "text") {
      part["type"].reject(
          fmt::format("content of type {} is not supported, only text", wire::describe(Json(*type))));
      break;
    }
    if (auto text = part["text"].required().string()) parts.push_back(text_part(role, *std::move(text)));
  }
  return parts;
}

Json read_message(const Field& item) {
  const Field named = item["role"].required();
  const std::string role = named.string().value_or("user");
  const auto roles = {"user", "assistant", "system", "developer"};
  if (std::find(roles.begin(), roles.end(), role) == roles.end()) {
    named.expected("user, assistant, system or developer");
  }
  item["status"].string();
  return {{"id", id_of(item, "msg_")},
          {"type", "message"},
          {"role", role},
          {"status", "completed"},
          {"content", read_content(item["content"], role)}};
}

Json read_parts(const Field& list, std::string_view type) {
  Json parts = Json::array();
  for (const Field& part : list.items()) {
    if (part["type"].required().string().value_or(std::string(type)) != type) {
      part["type"].expected(fmt::format("\"{}\"", type));
    }
    if (auto text = part["text"].required().string()) {
      parts.push_back({{"type", type}, {"text", *std::move(text)}});
    }
  }
  return parts;
}

Json read_reasoning(const Field& item) {
  item["encrypted_content"].string();  // another server's: nobody here can read it
  return {{"id", id_of(item, "rs_")},
          {"type", "reasoning"},
          {"summary", read_parts(item["summary"], "summary_text")},
          {"content", read_parts(item["content"], "reasoning_text")},
          {"status", "completed"}};
}

Json read_call(const Field& item) {
  const Field arguments = item["arguments"].required();
  // What a limit broke off is no JSON.
  const bool is_incomplete = item["status"].string().value_or("") == "incomplete";
  return {{"id", id_of(item, "fc_")},
          {"type", "function_call"},
          {"status", is_incomplete ? "incomplete" : "completed"},
          {"call_id", item["call_id"].required().string().value_or("")},
          {"name", item["name"].required().string().value_or("")},
          {"arguments", is_incomplete ? arguments.string().value_or("")
                                      : wire::dump_json(inference::read_arguments(arguments))}};
}

Json read_call_output(const Field& item) {
  const Field output = item["output"].required();
  item["status"].string();
  return {{"id", id_of(item, "fco_")},
          {"type", "function_call_output"},
          {"status", "completed"},
          {"call_id", item["call_id"].required().string().value_or("")},
          {"output", inference::read_text_content(output, {"input_text", "output_text", "text"})}};
}

// Nothing where the item is noted as wrong.
std::optional<Json> read_item(const Field& item) {
  const Field named = item["type"];
  const std::string type = named.string().value_or("message");
  if (type == "message") return read_message(item);
  if (type == "reasoning") return read_reasoning(item);
  if (type == "function_call") return read_call(item);
  if (type == "function_call_output") return read_call_output(item);
  named.reject(fmt::format("items of type {} are not supported, only messages, reasoning and function calls",
                           wire::describe(Json(type))));
  return std::nullopt;
}

std::string joined_text(const Json& parts) {
  std::string text;
  for (const Json& part : parts) inference::append_part(text, part["text"].get_ref<const std::string&>());
  return text;
}

}  // namespace

Json read_input_items(const Field& input) {
  Json items = Json::array();
  if (!input.required().present()) return items;
  if (input.json().is_string()) {
    items.push_back({{"id", inference::random_id("msg_")},
                     {"type", "message"},
                     {"role", "user"},
                     {"status", "completed"},
                     {"content", Json::array({text_part("user", input.json().get<std::string>())})}});
    return items;
  }
  if (!input.json().is_array()) {
    input.expected("a string or a list of items");
    return items;
  }
  for (const Field& field : input.items()) {
    if (auto item = read_item(field)) items.push_back(*std::move(item));
  }
  if (input.json().empty()) input.expected("at least one item");
  return items;
}

std::string conversation_of(const std::optional<std::string>& instructions, const Json& items,
                            const Json& tools) {
  inference::Conversation conversation;
  conversation.set_tools(tools);
  if (instructions) conversation.add("system", *instructions);
  std::string reasoning;  // of the message or the call that follows
  for (const Json& item : items) {
    const auto text = [&item](const char* name) -> const std::string& {
      return item[name].get_ref<const std::string&>();
    };
    if (item["type"] == "reasoning") {
      const std::string content = joined_text(item["content"]);
      inference::append_part(reasoning, content.empty() ? joined_text(item["summary"]) : content);
    } else if (item["type"] == "function_call") {
      if (item["status"] == "incomplete") continue;  // a limit broke it off: there are no arguments
      if (!reasoning.empty()) conversation.add("assistant", "", std::exchange(reasoning, {}));
      conversation.add_tool_call(text("call_id"), text("name"),
                                 inference::arguments_object(text("arguments")));
    } else if (item["type"] == "function_call_output") {
      conversation.add_tool_result(text("call_id"), text("output"));
    } else {
      const std::string& role = text("role");
      conversation.add(role == "developer" ? "system" : role, joined_text(item["content"]),
                       role == "assistant" ? reasoning : "");
      reasoning.clear();
    }
  }
  return conversation.json();
}

}  // namespace hearth::server::openai
