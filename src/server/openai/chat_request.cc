#include "server/openai/chat_request.h"

#include "server/inference/conversation.h"
#include "server/inference/thinking.h"

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
  message["name"].string();
  message["refusal"].string();
  refuse(message, {"tool_calls", "function_call", "audio"});
  conversation.add(role, text, reasoning);
}

void read_messages(const Field& messages, protocol::Generate& generate) {
  inference::Conversation conversation;
  for (const Field& message : messages.required().items()) read_message(message, conversation);
  if (messages.present() && conversation.empty()) messages.expected("at least one message");
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
  read_messages(root["messages"], request.generate);
  read_generation_options(root, request.generate);
  read_logprobs(root, request.generate);
  read_thinking(root, request.generate);
  read_limits(root, request.model, request.generate);
  refuse_formats(root["response_format"]);
  refuse_tools(root);
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
