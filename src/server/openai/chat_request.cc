#include "server/openai/chat_request.h"

#include "server/inference/conversation.h"
#include "server/inference/output_constraint.h"
#include "server/inference/thinking.h"
#include "server/inference/tool_calls.h"

namespace hearth::server::openai {
namespace {

using wire::Field;

// The roles of OpenAI's API as chat templates know them; "" for what is none.
std::string_view role_of(std::string_view name) {
  if (name == "developer") return "system";
  for (const std::string_view role : {"system", "user", "assistant", "tool"}) {
    if (name == role) return role;
  }
  return "";
}

void read_tool_call(const Field& call, inference::Conversation& conversation) {
  const Field type = call["type"];
  const std::string kind = type.string().value_or("function");
  if (kind != "function") {
    return type.reject(
        fmt::format("{} is not supported, only \"function\"", wire::describe(wire::Json(kind))));
  }
  const Field function = call["function"].required();
  const std::string name = function["name"].required().string().value_or("");
  conversation.add_tool_call(call["id"].string().value_or(""), name,
                             inference::read_arguments(function["arguments"]));
}

void read_message(const Field& message, inference::Conversation& conversation) {
  const Field named = message["role"].required();
  const std::string_view role = role_of(named.string().value_or("user"));
  if (role.empty()) return named.expected("developer, system, user, assistant or tool");
  const Field content = message["content"];
  if (role != "assistant") content.required();
  const std::string text = inference::read_text_content(content, {"text"});
  // Where answers come from elsewhere, their thoughts have the other name.
  std::string reasoning = message["reasoning"].string().value_or("");
  if (reasoning.empty()) reasoning = message["reasoning_content"].string().value_or("");
  std::string name = message["name"].string().value_or("");
  message["refusal"].string();
  refuse(message, {"function_call", "audio"});
  if (role == "tool") {
    const std::string call_id = message["tool_call_id"].string().value_or("");
    return conversation.add_tool_result(call_id, text, std::move(name));
  }
  conversation.add(role, text, reasoning);
  const Field calls = message["tool_calls"];
  if (role != "assistant") return refuse(message, {"tool_calls"});
  for (const Field& call : calls.items()) read_tool_call(call, conversation);
}

// The messages, and the tools that may be called.
void read_conversation(const Field& root, protocol::Generate& generate) {
  inference::Conversation conversation;
  const Field messages = root["messages"].required();
  for (const Field& message : messages.items()) read_message(message, conversation);
  if (messages.present() && conversation.empty()) messages.expected("at least one message");
  const inference::Tools tools = inference::read_function_tools(root["tools"]);
  if (auto use = read_tool_choice(root, tools, "function")) {
    *generate.mutable_tool_use() = *std::move(use);
    conversation.set_tools(tools.json());
  }
  generate.set_conversation_json(conversation.json());
}

void read_logprobs(const Field& root, protocol::Generate& generate) {
  generate.set_logprobs(root["logprobs"].boolean().value_or(false));
  const Field top = root["top_logprobs"];
  const auto n = top.integer(0, kMaxTopLogprobs);
  if (!n) return;
  if (*n > 0 && !generate.logprobs()) top.reject("is only allowed with \"logprobs\": true");
  generate.set_top_logprobs(static_cast<uint32_t>(*n));
}

// reasoning_effort, or Ollama's and the responses' reasoning.effort.
void read_thinking(const Field& root, protocol::Generate& generate) {
  auto think = inference::read_effort(root["reasoning_effort"]);
  if (!think) think = inference::read_effort(root["reasoning"]["effort"]);
  if (think) *generate.mutable_think() = *think;
}

void read_limits(const Field& root, const inference::ModelChoice& model, protocol::Generate& generate) {
  read_max_tokens(root["max_tokens"], generate);
  read_max_tokens(root["max_completion_tokens"], generate);  // the newer name is the one that counts
  generate.set_context_tokens(model.wish.context_tokens.value_or(0));
}

}  // namespace

wire::ApiResult<ChatRequest> read_chat_request(std::string_view body) {
  HEARTH_ASSIGN(const wire::JsonBody json, wire::JsonBody::parse(body));
  const Field root = json.root();
  ChatRequest request;
  request.model = inference::read_model_choice(root);
  request.streaming = read_stream_options(root);
  read_conversation(root, request.generate);
  read_generation_options(root, request.generate);
  read_logprobs(root, request.generate);
  read_thinking(root, request.generate);
  read_limits(root, request.model, request.generate);
  const Field format = root["response_format"];
  read_format(format, format["json_schema"], request.generate);
  inference::read_guides(root, request.generate);
  inference::forbid_constrained_calls(root["tools"], request.generate);
  for (const Field& modality : root["modalities"].items()) {
    if (modality.string().value_or("text") != "text") modality.expected("\"text\"");
  }
  refuse(root, {"functions", "function_call", "audio", "prediction", "web_search_options", "moderation"});
  root["store"].boolean();
  read_ignored(root);
  HEARTH_TRY(json.check());
  return request;
}

}  // namespace hearth::server::openai
