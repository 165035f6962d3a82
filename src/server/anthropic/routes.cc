#include "server/anthropic/routes.h"

#include "server/anthropic/api_error.h"
#include "server/anthropic/message_answer.h"
#include "server/anthropic/message_request.h"
#include "server/inference/generation.h"
#include "server/inference/tools.h"
#include "server/wire/stream_text.h"

namespace hearth::server::anthropic {
namespace {

using inference::Dependencies;
using wire::ApiResult;
using wire::Json;

Task<void> send_json(http::Responder& responder, const Json& body) {
  http::Response response;
  response.body = wire::dump_json(body);
  co_await responder.send(std::move(response));
}

Task<bool> write_events(http::Responder& responder, const MessageEvents& events) {
  std::string text;
  for (const Json& event : events)
    text += wire::sse_event(event, event["type"].get_ref<const std::string&>());
  co_return co_await responder.write(std::move(text));
}

// A message on its way to one client.
class Exchange {
 public:
  Exchange(const http::Request& request, http::Responder& responder, MessageRequest wanted)
      : request_(request), responder_(responder), wanted_(std::move(wanted)), answer_(wanted_.model.name) {}

  Task<void> run(EngineLease& lease) {
    wire::PumpSinks sinks;
    sinks.on_accepted = [this](const protocol::Accepted& accepted) { return begin(accepted); };
    sinks.on_delta = [this](const protocol::Delta& delta) { return take(delta); };
    const wire::GenerationEnd end =
        co_await inference::run_generation(lease, wanted_.generate, responder_, std::move(sinks));
    if (end.client_gone) co_return;
    if (end.error) {
      co_await send_error(request_, responder_, *end.error);
    } else {
      co_await finish(end.answers.front());
    }
  }

 private:
  // Not before the prompt was taken: until then an error has its own status, and the tokens are not counted.
  Task<bool> begin(const protocol::Accepted& accepted) {
    if (!wanted_.stream || responder_.has_begun()) co_return true;
    const bool begun = co_await inference::begin_events(responder_);
    if (!begun) co_return false;
    MessageEvents events;
    answer_.begin(accepted, events);
    co_return co_await write_events(responder_, events);
  }

  Task<bool> take(const protocol::Delta& delta) {
    const protocol::Accepted unknown;
    if (!co_await begin(unknown)) co_return false;
    MessageEvents events;
    if (delta.answer() == 0) answer_.append(delta, events);
    if (!wanted_.stream || events.empty()) co_return true;
    co_return co_await write_events(responder_, events);
  }

  Task<void> finish(const protocol::Finished& finished) {
    protocol::Accepted counted;
    counted.set_n_prompt_tokens(finished.n_prompt_tokens());
    counted.set_n_cached_tokens(finished.n_cached_tokens());
    if (!co_await begin(counted)) co_return;
    MessageEvents events;
    answer_.finish(finished, events);
    if (!wanted_.stream) {
      co_await send_json(responder_, answer_.message());
    } else if (co_await write_events(responder_, events)) {
      co_await responder_.end();
    }
  }

  const http::Request& request_;
  http::Responder& responder_;
  MessageRequest wanted_;
  MessageAnswer answer_;
};

// The model, ready for the request. An error has been told already where there is none.
Task<std::unique_ptr<EngineLease>> acquire(const Dependencies& deps, const http::Request& request,
                                           http::Responder& responder, ApiResult<MessageRequest>& wanted) {
  if (!wanted) {
    co_await send_error(request, responder, wanted.error());
    co_return nullptr;
  }
  auto lease =
      co_await inference::acquire_model(*deps.models, wanted->model, inference::Ability::kChat, responder);
  if (!lease) {
    co_await send_error(request, responder, lease.error());
    co_return nullptr;
  }
  const auto settled = settle_thinking((*lease)->description(), *wanted);
  if (!settled) {
    co_await send_error(request, responder, settled.error());
    co_return nullptr;
  }
  const auto calls = inference::check_tools(wanted->model.name, (*lease)->description(), wanted->generate);
  if (!calls) {
    co_await send_error(request, responder, calls.error());
    co_return nullptr;
  }
  co_return std::move(*lease);
}

Task<void> answer_message(Dependencies deps, const http::Request& request, http::Responder& responder) {
  ApiResult<MessageRequest> wanted = read_message_request(request.body);
  const std::unique_ptr<EngineLease> lease = co_await acquire(deps, request, responder, wanted);
  if (!lease) co_return;
  wanted->generate.set_tenant(request.identity.key_id);
  Exchange exchange(request, responder, std::move(*wanted));
  co_await exchange.run(*lease);
}

Task<void> count_tokens(Dependencies deps, const http::Request& request, http::Responder& responder) {
  ApiResult<MessageRequest> wanted = read_count_request(request.body);
  const std::unique_ptr<EngineLease> lease = co_await acquire(deps, request, responder, wanted);
  if (!lease) co_return;
  protocol::Call message;
  protocol::Render& render = *message.mutable_render();
  render.set_conversation_json(wanted->generate.conversation_json());
  if (wanted->generate.has_think()) *render.mutable_think() = wanted->generate.think();
  const auto reply = co_await inference::ask_engine(*lease, std::move(message), responder);
  if (!reply) {
    co_await send_error(request, responder, reply.error());
    co_return;
  }
  const Json count = {{"input_tokens", reply->tokens().ids_size()}};
  co_await send_json(responder, count);
}

}  // namespace

void add_anthropic_routes(http::Router& router, const Dependencies& dependencies) {
  const auto add = [&](const std::string& pattern, auto handler) {
    router.add({.method = http::Method::kPost,
                .pattern = pattern,
                .scope = http::Scope::kInference,
                .dialect = http::Dialect::kAnthropic,
                .handler = [dependencies, handler](const http::Request& request, http::Responder& responder) {
                  return handler(dependencies, request, responder);
                }});
  };
  add("/v1/messages", answer_message);
  add("/v1/messages/count_tokens", count_tokens);
}

}  // namespace hearth::server::anthropic
