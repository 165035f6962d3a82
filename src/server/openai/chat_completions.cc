#include "server/inference/generation.h"
#include "server/inference/thinking.h"
#include "server/inference/tools.h"
#include "server/openai/api_error.h"
#include "server/openai/chat_answer.h"
#include "server/openai/chat_request.h"
#include "server/openai/handlers.h"

namespace hearth::server::openai {
namespace {

size_t n_choices(const ChatRequest& request) {
  return std::max(request.generate.n(), 1U);
}

Task<void> answer_whole(EngineLease& lease, ChatRequest chat, AnswerHead head, http::Responder& responder) {
  ChatAnswer answer(std::move(head), n_choices(chat), chat.generate.logprobs());
  wire::PumpSinks sinks;
  sinks.on_delta = [&answer](const protocol::Delta& delta) -> Task<bool> {
    answer.append(delta);
    co_return true;
  };
  const wire::GenerationEnd end =
      co_await inference::run_generation(lease, std::move(chat.generate), responder, std::move(sinks));
  if (end.client_gone) co_return;
  if (end.error) {
    co_await send_error(responder, *end.error);
    co_return;
  }
  http::Response response;
  response.body = wire::dump_json(answer.finish(end.answers));
  co_await responder.send(std::move(response));
}

Task<bool> begin_stream(http::Responder& responder, ChatChunks& chunks) {
  if (responder.has_begun()) co_return true;
  const bool begun = co_await inference::begin_events(responder);
  if (!begun) co_return false;
  std::string events = chunks.begin();
  co_return co_await responder.write(std::move(events));
}

Task<bool> write_delta(http::Responder& responder, ChatChunks& chunks, const protocol::Delta& delta) {
  if (!co_await begin_stream(responder, chunks)) co_return false;
  std::string events = chunks.delta(delta);
  if (events.empty()) co_return true;
  co_return co_await responder.write(std::move(events));
}

Task<void> answer_in_chunks(EngineLease& lease, ChatRequest chat, AnswerHead head,
                            http::Responder& responder) {
  ChatChunks chunks(std::move(head), n_choices(chat), chat.generate.logprobs(), chat.streaming.include_usage);
  wire::PumpSinks sinks;
  // Not before the prompt was taken: until then an error has its own status.
  sinks.on_accepted = [&](const protocol::Accepted&) { return begin_stream(responder, chunks); };
  sinks.on_delta = [&](const protocol::Delta& delta) { return write_delta(responder, chunks, delta); };
  const wire::GenerationEnd end =
      co_await inference::run_generation(lease, std::move(chat.generate), responder, std::move(sinks));
  if (end.client_gone) co_return;
  if (end.error) {
    co_await send_error(responder, *end.error);
    co_return;
  }
  if (!co_await begin_stream(responder, chunks)) co_return;
  std::string events = chunks.finish(end.answers);
  const bool written = co_await responder.write(std::move(events));
  if (written) co_await responder.end();
}

}  // namespace

Task<void> answer_chat(const Dependencies& deps, const http::Request& request, http::Responder& responder) {
  auto chat = read_chat_request(request.body);
  if (!chat) {
    co_await send_error(responder, chat.error());
    co_return;
  }
  const std::string model = chat->model.name;
  auto lease =
      co_await inference::acquire_model(*deps.models, chat->model, inference::Ability::kChat, responder);
  if (!lease) {
    co_await send_error(responder, lease.error());
    co_return;
  }
  EngineLease& engine = **lease;
  const auto thinks =
      inference::check_thinking(model, engine.description(), chat->generate, "reasoning_effort");
  if (!thinks) {
    co_await send_error(responder, thinks.error());
    co_return;
  }
  const auto calls = inference::check_tools(model, engine.description(), chat->generate);
  if (!calls) {
    co_await send_error(responder, calls.error());
    co_return;
  }
  chat->generate.set_tenant(request.identity.key_id);
  AnswerHead head = make_answer_head("chatcmpl-", model, engine.entry(), deps.now());
  if (chat->streaming.stream) {
    co_await answer_in_chunks(engine, std::move(*chat), std::move(head), responder);
  } else {
    co_await answer_whole(engine, std::move(*chat), std::move(head), responder);
  }
}

}  // namespace hearth::server::openai
