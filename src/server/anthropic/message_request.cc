#include "server/anthropic/message_request.h"

#include <algorithm>

#include "server/inference/conversation.h"
#include "server/inference/output_constraint.h"
#include "server/inference/thinking.h"
#include "server/inference/tools.h"
#include "server/wire/sampling_options.h"

namespace hearth::server::anthropic {
namespace {

using inference::Conversation;
using wire::Field;
using wire::Json;

void reject_block(const Field& type, const std::string& name) {
  type.reject(
      fmt::format("content of type {} is not supported, only text, thinking, tool_use and tool_result",
                  wire::describe(Json(name))));
}

// One message's blocks, which may be several of the conversation's: each result of a tool is one by itself.
class MessageReader {
 public:
  MessageReader(std::string_view role, Conversation& conversation)
      : role_(role), conversation_(conversation) {}

  void add_text(std::string_view text) { inference::append_part(text_, text); }

  void read(const Field& block) {
    const Field type = block["type"].required();
    const auto name = type.string();
    if (!name) return;  // noted
    const bool is_assistant = role_ == "assistant";
    if (*name == "text") {
      add_text(block["text"].required().string().value_or(""));
    } else if (*name == "thinking") {
      inference::append_part(thoughts_, block["thinking"].required().string().value_or(""));
      block["signature"].string();
    } else if (*name == "redacted_thinking") {
      block["data"].string();  // which only its server can read
    } else if (*name == "tool_use" && is_assistant) {
      read_tool_use(block);
    } else if (*name == "tool_result" && !is_assistant) {
      read_tool_result(block);
    } else {
      reject_block(type, *name);
    }
  }

  // What was read since the last result. `always`: also where that is nothing.
  void flush(bool always) {
    if (!always && text_.empty() && thoughts_.empty()) return;
    conversation_.add(role_, text_, role_ == "assistant" ? thoughts_ : "");
    text_.clear();
    thoughts_.clear();
  }

 private:
  void read_tool_use(const Field& block) {
    flush(false);
    const std::string id = block["id"].required().string().value_or("");
    const std::string name = block["name"].required().string().value_or("");
    conversation_.add_tool_call(id, name, block["input"].object().value_or(Json::object()));
  }

  void read_tool_result(const Field& block) {
    flush(false);
    std::string content = inference::read_text_content(block["content"], {"text"});
    // Templates know no other way to tell it.
    if (block["is_error"].boolean().value_or(false)) content.insert(0, "Error: ");
    conversation_.add_tool_result(block["tool_use_id"].required().string().value_or(""), content);
  }

  std::string role_;
  Conversation& conversation_;
  std::string text_;
  std::string thoughts_;
};

void read_message(const Field& message, Conversation& conversation) {
  const Field named = message["role"].required();
  const std::string role = named.string().value_or("user");
  if (role != "user" && role != "assistant") return named.expected("\"user\" or \"assistant\"");
  const Field content = message["content"].required();
  if (!content.present()) return;
  MessageReader reader(role, conversation);
  if (content.json().is_string()) {
    reader.add_text(content.json().get_ref<const std::string&>());
    return reader.flush(true);
  }
  if (!content.json().is_array()) return content.expected("a string or a list of blocks");
  const std::vector<Field> blocks = content.items();
  for (const Field& block : blocks) reader.read(block);
  const bool has_tools = std::any_of(blocks.begin(), blocks.end(), [](const Field& block) {
    const auto type = block["type"].string();
    return type == "tool_use" || type == "tool_result";
  });
  reader.flush(!has_tools);
}

// The tools in OpenAI's form, from name, description and input_schema.
inference::Tools read_tools(const Field& list) {
  inference::Tools tools;
  for (const Field& tool : list.items()) {
    const Field type = tool["type"];
    const std::string kind = type.string().value_or("custom");
    if (kind != "custom") {
      type.reject(fmt::format("{} is not supported, only \"custom\"", wire::describe(Json(kind))));
      break;
    }
    tool["strict"].boolean();  // every call is held to its schema
    tools.add(tool["name"], tool["description"], tool["input_schema"].required());
  }
  return tools;
}

// Nothing: no tool may be called, and the model need not know of any.
std::optional<protocol::ToolUse> read_tool_choice(const Field& choice, const inference::Tools& tools) {
  protocol::ToolUse use;
  const bool one_call = choice["disable_parallel_tool_use"].boolean().value_or(false);
  const Field type = choice.present() ? choice["type"].required() : choice["type"];
  const std::string kind = type.string().value_or("auto");
  if (kind == "any") {
    use = inference::require_call(type, tools);
  } else if (kind == "tool") {
    use = inference::require_call_of(choice["name"], tools);
  } else if (kind != "auto" && kind != "none") {
    type.expected("\"auto\", \"any\", \"tool\" or \"none\"");
  }
  if (kind == "none" || tools.empty()) return std::nullopt;
  use.set_one_call(one_call);
  return use;
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
  const inference::Tools tools = read_tools(root["tools"]);
  if (auto use = read_tool_choice(root["tool_choice"], tools)) {
    *generate.mutable_tool_use() = *std::move(use);
    conversation.set_tools(tools.json());
  }
  if (const Field servers = root["mcp_servers"]; !servers.items().empty()) servers.reject("is not supported");
  generate.set_conversation_json(conversation.json());
}

// output_config.format, and output_format, as it was called first.
void read_format(const Field& root, protocol::Generate& generate) {
  for (const Field& format : {root["output_config"]["format"], root["output_format"]}) {
    if (!format.present()) continue;
    const Field type = format["type"].required();
    if (type.string().value_or("json_schema") != "json_schema") return type.expected("\"json_schema\"");
    inference::constrain_to_schema(format["schema"].required(), generate);
  }
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
  read_format(root, request.generate);
  inference::forbid_constrained_calls(root["tools"], request.generate);
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
