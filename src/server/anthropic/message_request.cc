#include "server/anthropic/message_request.h"

#include "server/inference/conversation.h"
#include "server/inference/thinking.h"
#include "server/wire/sampling_options.h"

namespace hearth::server::anthropic {
namespace {

using inference::Conversation;
using wire::Field;
using wire::Json;

void reject_block(const Field& type, const std::string& name) {
  type.reject(
      fmt::format("content of type {} is not supported, only text and thinking", wire::describe(Json(name))));
}

// A message's text and thoughts. Redacted thoughts, which only their server can read, are left out.
void read_blocks(const Field& content, std::string& text, std::string& thoughts) {
  for (const Field& block : content.items()) {
    const Field type = block["type"].required();
    const auto name = type.string();
    if (!name) return;  // noted
    if (*name == "text") {
      inference::append_part(text, block["text"].required().string().value_or(""));
    } else if (*name == "thinking") {
      inference::append_part(thoughts, block["thinking"].required().string().value_or(""));
      block["signature"].string();
    } else if (*name == "redacted_thinking") {
      block["data"].string();
    } else {
      return reject_block(type, *name);
    }
  }
}

void read_message(const Field& message, Conversation& conversation) {
  const Field named = message["role"].required();
  const std::string role = named.string().value_or("user");
  if (role != "user" && role != "assistant") return named.expected("\"user\" or \"assistant\"");
  const Field content = message["content"].required();
  if (!content.present()) return;
  std::string text;
  std::string thoughts;
  if (content.json().is_string()) {
    text = content.json().get<std::string>();
  } else if (content.json().is_array()) {
    read_blocks(content, text, thoughts);
  } else {
    return content.expected("a string or a list of blocks");
  }
  conversation.add(role, text, role == "assistant" ? thoughts : "");
}

void read_conversation(const Field& root, protocol::Generate& generate) {
  Conversation conversation(Conversation::Merging::kAllRoles);
  if (const std::string system = inference::read_text_content(root["system"], {"text"}); !system.empty()) {
    conversation.add("system", system);
  }
  const Field messages = root["messages"].required();
  const std::vector<Field> items = messages.items();
  if (messages.present() && items.empty()) messages.expected("at least one message");
  for (const Field& message : items) read_message(message, conversation);
  if (!items.empty() && items.back()["role"].string() == "assistant") {
    items.back()["role"].reject(
        "to go on with an answer of the assistant's is not supported; the last message must be "
        "the user's");
  }
  generate.set_conversation_json(conversation.json());
}

void read_tools(const Field& root) {
  if (const Field tools = root["tools"]; !tools.items().empty()) tools.reject("tools are not supported yet");
  const Field choice = root["tool_choice"];
  const auto type = choice["type"].string();
  if (type && *type != "none" && *type != "auto") choice["type"].reject("tools are not supported yet");
  if (const Field servers = root["mcp_servers"]; !servers.items().empty()) servers.reject("is not supported");
}

void read_thinking(const Field& root, MessageRequest& request) {
  using Thinking = MessageRequest::Thinking;
  const Field thinking = root["thinking"];
  thinking["budget_tokens"].integer(1);
  thinking["display"].string();
  if (thinking.present()) {
    const std::string type = thinking["type"].required().string().value_or("disabled");
    if (type == "enabled") {
      thinking["budget_tokens"].required();
      request.thinking = Thinking::kWanted;
    } else if (type == "adaptive") {
      request.thinking = Thinking::kAsTheModelDoes;
    } else if (type != "disabled") {
      thinking["type"].expected("\"enabled\", \"adaptive\" or \"disabled\"");
    }
  }
  if (const auto effort = inference::read_effort(root["output_config"]["effort"]))
    request.effort = effort->effort();
  if (const Field format = root["output_config"]["format"]; format.present()) {
    format.reject("is not supported yet");
  }
}

void read_sampling(const Field& root, protocol::Generate& generate) {
  protocol::Sampling& sampling = *generate.mutable_sampling();
  sampling.set_temperature(1);
  sampling.set_top_p(1);
  wire::read_sampling(root, sampling);
  const Field stops = root["stop_sequences"];
  for (std::string& stop : stops.strings()) {
    if (stop.empty()) stops.reject("expected texts, found an empty one");
    generate.add_stop(std::move(stop));
  }
}

void read_ignored(const Field& root) {
  root["metadata"]["user_id"].string();
  root["service_tier"].string();
  root["speed"].string();
  root["inference_geo"].string();
  root["cache_control"]["type"].string();
}

MessageRequest read_common(const Field& root) {
  MessageRequest request;
  request.model = inference::read_model_choice(root);
  read_conversation(root, request.generate);
  read_tools(root);
  read_thinking(root, request);
  read_ignored(root);
  return request;
}

}  // namespace

wire::ApiResult<MessageRequest> read_message_request(std::string_view body) {
  HEARTH_ASSIGN(const wire::JsonBody json, wire::JsonBody::parse(body));
  const Field root = json.root();
  MessageRequest request = read_common(root);
  request.generate.set_max_tokens(root["max_tokens"].required().integer(1).value_or(1));
  request.generate.set_context_tokens(request.model.wish.context_tokens.value_or(0));
  read_sampling(root, request.generate);
  request.stream = root["stream"].boolean().value_or(false);
  if (const Field container = root["container"]; container.present()) container.reject("is not supported");
  HEARTH_TRY(json.check());
  return request;
}

wire::ApiResult<MessageRequest> read_count_request(std::string_view body) {
  HEARTH_ASSIGN(const wire::JsonBody json, wire::JsonBody::parse(body));
  MessageRequest request = read_common(json.root());
  HEARTH_TRY(json.check());
  return request;
}

wire::ApiResult<void> settle_thinking(const protocol::Opened& description, MessageRequest& request) {
  using Thinking = MessageRequest::Thinking;
  const bool wanted = request.thinking == Thinking::kWanted;
  // Models that cannot think need not be told not to, and how hard is a question only to those that do.
  if (wanted || description.has_template_thinking()) {
    if (request.thinking != Thinking::kAsTheModelDoes || !request.effort.empty()) {
      request.generate.mutable_think()->set_enabled(request.thinking != Thinking::kNone);
    }
    if (request.generate.think().enabled()) request.generate.mutable_think()->set_effort(request.effort);
  }
  return inference::check_thinking(request.model.name, description, request.generate, "thinking");
}

}  // namespace hearth::server::anthropic
