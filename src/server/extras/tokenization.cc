#include "base/utf8.h"
#include "server/extras/handlers.h"
#include "server/inference/conversation.h"
#include "server/inference/generation.h"
#include "server/inference/model_choice.h"
#include "server/openai/api_error.h"

namespace hearth::server::extras {
namespace {

using wire::ApiResult;
using wire::Field;
using wire::Json;

struct TokenizeRequest {
  inference::ModelChoice model;
  protocol::Call call;  // Tokenize, or Render for messages
  bool with_pieces = false;
};

// Chat messages, as the template makes tokens of them.
void read_messages(const Field& messages, protocol::Render& render) {
  inference::Conversation conversation;
  for (const Field& message : messages.items()) {
    const std::string role = message["role"].required().string().value_or("user");
    conversation.add(role, inference::read_text_content(message["content"].required(), {"text"}));
  }
  if (conversation.empty()) messages.expected("at least one message");
  render.set_conversation_json(conversation.json());
}

void read_what(const Field& root, protocol::Call& call) {
  std::string names;
  for (const char* name : {"content", "prompt", "text", "messages"}) {
    const Field field = root[name];
    if (!field.present()) continue;
    if (!names.empty()) return field.reject("is only allowed without " + names);
    names = name;
    if (names == "messages") {
      read_messages(field, *call.mutable_render());
    } else {
      call.mutable_tokenize()->mutable_text()->set_text(field.string().value_or(""));
    }
  }
  if (names.empty()) root["content"].required();
}

ApiResult<TokenizeRequest> read_tokenize_request(std::string_view body) {
  HEARTH_ASSIGN(const wire::JsonBody json, wire::JsonBody::parse(body));
  const Field root = json.root();
  TokenizeRequest request;
  request.model = inference::read_model_choice(root);
  read_what(root, request.call);
  // The names of llama.cpp's server, with its defaults.
  const bool add_special = root["add_special"].boolean().value_or(false);
  const bool parse_special = root["parse_special"].boolean().value_or(true);
  if (request.call.has_tokenize()) {
    protocol::Text& text = *request.call.mutable_tokenize()->mutable_text();
    text.set_no_bos(!add_special);
    text.set_control_tokens(parse_special);
  }
  request.with_pieces = root["with_pieces"].boolean().value_or(false);
  HEARTH_TRY(json.check());
  return request;
}

// A text, or a list of bytes where it is only a part of a character.
Json piece_of(const std::string& bytes) {
  if (sanitize_utf8(bytes) == bytes) return bytes;
  Json list = Json::array();
  for (const char byte : bytes) list.push_back(static_cast<uint8_t>(byte));
  return list;
}

Json answer_of(const protocol::Tokens& tokens, bool with_pieces) {
  Json list = Json::array();
  for (int i = 0; i < tokens.ids_size(); ++i) {
    if (with_pieces && i < tokens.pieces_size()) {
      list.push_back({{"id", tokens.ids(i)}, {"piece", piece_of(tokens.pieces(i))}});
    } else {
      list.push_back(tokens.ids(i));
    }
  }
  return {{"tokens", std::move(list)}, {"count", tokens.ids_size()}};
}

// What the model says to one call.
Task<ApiResult<protocol::Reply>> ask(const Dependencies& deps, inference::ModelChoice model,
                                     protocol::Call message, http::Responder& responder) {
  auto lease =
      co_await inference::acquire_model(*deps.models, std::move(model), inference::Ability::kAny, responder);
  if (!lease) co_return lease.error();
  auto reply = co_await inference::ask_engine(**lease, std::move(message), responder);
  co_return reply;
}

Task<void> send_json(http::Responder& responder, const Json& body) {
  http::Response response;
  response.body = wire::dump_json(body);
  co_await responder.send(std::move(response));
}

}  // namespace

Task<void> tokenize(const Dependencies& deps, const http::Request& request, http::Responder& responder) {
  const auto wanted = read_tokenize_request(request.body);
  if (!wanted) {
    co_await openai::send_error(responder, wanted.error());
    co_return;
  }
  const auto reply = co_await ask(deps, wanted->model, wanted->call, responder);
  if (!reply) {
    co_await openai::send_error(responder, reply.error());
    co_return;
  }
  const Json answer = answer_of(reply->tokens(), wanted->with_pieces);
  co_await send_json(responder, answer);
}

Task<void> detokenize(const Dependencies& deps, const http::Request& request, http::Responder& responder) {
  const auto body = wire::JsonBody::parse(request.body);
  if (!body) {
    co_await openai::send_error(responder, body.error());
    co_return;
  }
  const inference::ModelChoice model = inference::read_model_choice(body->root());
  const std::vector<int32_t> ids = (*body)["tokens"].required().ids();
  const auto checked = body->check();
  if (!checked) {
    co_await openai::send_error(responder, checked.error());
    co_return;
  }
  protocol::Call message;
  message.mutable_detokenize()->mutable_tokens()->mutable_ids()->Assign(ids.begin(), ids.end());
  const auto reply = co_await ask(deps, model, message, responder);
  if (!reply) {
    co_await openai::send_error(responder, reply.error());
    co_return;
  }
  const Json answer = {{"content", reply->text().text()}};
  co_await send_json(responder, answer);
}

}  // namespace hearth::server::extras
