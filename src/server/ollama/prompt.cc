#include "server/ollama/prompt.h"

#include "server/wire/generation_pump.h"

namespace hearth::server::ollama {
namespace {

using wire::ApiResult;
using wire::Json;

std::string conversation_json(const GenerationRequest& request, const Json& messages) {
  Json conversation{{"messages", messages}};
  if (!request.tools.empty()) conversation["tools"] = request.tools;
  if (!request.suffix.empty()) {
    conversation["prompt"] = request.prompt;
    conversation["suffix"] = request.suffix;
  }
  return wire::dump_json(conversation);
}

bool has_chat(const EngineLease& lease, const GenerationRequest& request) {
  return !request.raw &&
         (!lease.description().chat_format().empty() || !request.generate.template_source().empty());
}

Task<ApiResult<protocol::Tokens>> ask_tokens(EngineLease& lease, http::Responder& responder,
                                             protocol::Call what) {
  const std::unique_ptr<EngineCall> call = lease.call(std::move(what));
  auto reply = co_await wire::only_reply(*call, responder);
  if (!reply) co_return reply.error();
  co_return std::move(*reply->mutable_tokens());
}

Task<ApiResult<protocol::Tokens>> render(EngineLease& lease, http::Responder& responder,
                                         const GenerationRequest& request, const Json& messages) {
  protocol::Call call;
  protocol::Render& what = *call.mutable_render();
  what.set_conversation_json(conversation_json(request, messages));
  what.set_template_source(request.generate.template_source());
  if (request.generate.has_think()) *what.mutable_think() = request.generate.think();
  return ask_tokens(lease, responder, std::move(call));
}

Task<ApiResult<protocol::Tokens>> tokenize(EngineLease& lease, http::Responder& responder, std::string text,
                                           bool no_bos) {
  protocol::Call call;
  call.mutable_tokenize()->mutable_text()->set_text(std::move(text));
  call.mutable_tokenize()->mutable_text()->set_no_bos(no_bos);
  return ask_tokens(lease, responder, std::move(call));
}

// The context that came, and behind it the tokens of the new turn, without the BOS that only a beginning has.
Task<ApiResult<void>> continue_context(EngineLease& lease, http::Responder& responder,
                                       GenerationRequest& request) {
  auto& ids = *request.generate.mutable_tokens()->mutable_ids();
  ids.Add(request.context.begin(), request.context.end());
  if (!has_chat(lease, request)) {
    auto added = co_await tokenize(lease, responder, request.prompt, true);
    if (!added) co_return added.error();
    ids.MergeFrom(added->ids());
    co_return ApiResult<void>();
  }
  auto added = co_await render(lease, responder, request, request.messages);
  if (!added) co_return added.error();
  auto nothing = co_await tokenize(lease, responder, "", false);  // BOS, where the model wants one
  if (!nothing) co_return nothing.error();
  const bool begins_again =
      nothing->ids_size() == 1 && added->ids_size() > 0 && added->ids(0) == nothing->ids(0);
  for (int i = begins_again ? 1 : 0; i < added->ids_size(); ++i) ids.Add(added->ids(i));
  co_return ApiResult<void>();
}

// `messages` without the oldest `n_dropped` of those that may go.
Json without_oldest(const Json& messages, size_t n_dropped) {
  Json kept = Json::array();
  for (size_t i = 0; i < messages.size(); ++i) {
    const bool may_go = messages[i]["role"] != "system" && i + 1 < messages.size();
    if (may_go && n_dropped > 0) {
      --n_dropped;
    } else {
      kept.push_back(messages[i]);
    }
  }
  return kept;
}

// Drops as few messages as possible: each try halves what is left to choose from.
Task<ApiResult<void>> drop_oldest_messages(EngineLease& lease, http::Responder& responder,
                                           GenerationRequest& request) {
  const int64_t most = lease.description().context_tokens();
  const int64_t wished = request.generate.context_tokens();
  const int64_t context_tokens = wished > 0 && (most == 0 || wished < most) ? wished : most;
  if (context_tokens == 0) co_return ApiResult<void>();
  size_t least = 0;
  size_t enough = request.messages.size();  // where even that is not, the engine says so
  while (least < enough) {
    const size_t n_dropped = least == 0 ? 0 : (least + enough) / 2;
    const Json messages = without_oldest(request.messages, n_dropped);
    auto tokens = co_await render(lease, responder, request, messages);
    if (!tokens) co_return tokens.error();
    if (tokens->ids_size() < context_tokens) {
      enough = n_dropped;
    } else {
      least = n_dropped + 1;
    }
  }
  request.messages = without_oldest(request.messages, enough);
  co_return ApiResult<void>();
}

}  // namespace

Task<ApiResult<void>> prepare_prompt(EngineLease& lease, http::Responder& responder,
                                     GenerationRequest& request) {
  if (!request.context.empty()) co_return co_await continue_context(lease, responder, request);
  if (!has_chat(lease, request)) {
    request.generate.mutable_text()->set_text(request.prompt);
    request.generate.mutable_text()->set_control_tokens(request.raw);
    co_return ApiResult<void>();
  }
  if (request.endpoint == Endpoint::kChat && request.truncate) {
    const ApiResult<void> dropped = co_await drop_oldest_messages(lease, responder, request);
    if (!dropped) co_return dropped.error();
  }
  request.generate.set_conversation_json(conversation_json(request, request.messages));
  co_return ApiResult<void>();
}

Task<ApiResult<std::string>> render_prompt(EngineLease& lease, http::Responder& responder,
                                           const GenerationRequest& request) {
  if (!has_chat(lease, request)) co_return request.prompt;
  auto tokens = co_await render(lease, responder, request, request.messages);
  if (!tokens) co_return tokens.error();
  co_return std::move(*tokens->mutable_text());
}

}  // namespace hearth::server::ollama
