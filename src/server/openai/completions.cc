#include "server/inference/generation.h"
#include "server/openai/api_error.h"
#include "server/openai/completion_answer.h"
#include "server/openai/handlers.h"

namespace hearth::server::openai {
namespace {

// An answer on its way to one client.
struct Exchange {
  CompletionAnswer answer;
  bool stream;
  http::Responder* responder;
};

Task<bool> begin_stream(Exchange& exchange) {
  http::Responder& responder = *exchange.responder;
  if (!exchange.stream || responder.has_begun()) co_return true;
  const bool begun = co_await inference::begin_events(responder);
  if (!begun) co_return false;
  std::string events = exchange.answer.begin_events();
  if (events.empty()) co_return true;
  co_return co_await responder.write(std::move(events));
}

Task<bool> take_delta(Exchange& exchange, size_t prompt, const protocol::Delta& delta) {
  if (!exchange.stream) {
    exchange.answer.append(prompt, delta);
    co_return true;
  }
  if (!co_await begin_stream(exchange)) co_return false;
  std::string events = exchange.answer.delta_event(prompt, delta);
  if (events.empty()) co_return true;
  co_return co_await exchange.responder->write(std::move(events));
}

// Answers to one prompt. False: that was the end of the request.
Task<bool> answer_prompt(EngineLease& lease, Exchange& exchange, size_t prompt, protocol::Generate generate) {
  wire::PumpSinks sinks;
  sinks.on_accepted = [&exchange](const protocol::Accepted&) { return begin_stream(exchange); };
  sinks.on_delta = [&exchange, prompt](const protocol::Delta& delta) {
    return take_delta(exchange, prompt, delta);
  };
  http::Responder& responder = *exchange.responder;
  const wire::GenerationEnd end =
      co_await inference::run_generation(lease, std::move(generate), responder, std::move(sinks));
  if (end.client_gone) co_return false;
  if (end.error) {
    co_await send_error(responder, *end.error);
    co_return false;
  }
  if (!exchange.stream) {
    exchange.answer.finish(prompt, end.answers);
    co_return true;
  }
  if (!co_await begin_stream(exchange)) co_return false;
  std::string events = exchange.answer.finish_events(prompt, end.answers);
  co_return co_await responder.write(std::move(events));
}

// One prompt after the other: each gets the whole engine, and the order of the choices is that of the
// prompts.
Task<void> answer_prompts(EngineLease& lease, CompletionRequest& request, Exchange& exchange) {
  for (size_t i = 0; i < request.prompts.size(); ++i) {
    const bool goes_on = co_await answer_prompt(lease, exchange, i, std::move(request.prompts[i]));
    if (!goes_on) co_return;
  }
  http::Responder& responder = *exchange.responder;
  if (exchange.stream) {
    std::string events = exchange.answer.end_events();
    const bool written = co_await responder.write(std::move(events));
    if (written) co_await responder.end();
    co_return;
  }
  http::Response response;
  response.body = wire::dump_json(exchange.answer.whole());
  co_await responder.send(std::move(response));
}

}  // namespace

Task<void> answer_completion(const Dependencies& deps, const http::Request& request,
                             http::Responder& responder) {
  auto completion = read_completion_request(request.body);
  if (!completion) {
    co_await send_error(responder, completion.error());
    co_return;
  }
  const std::string model = completion->model.name;
  auto lease = co_await inference::acquire_model(*deps.models, completion->model,
                                                 inference::Ability::kComplete, responder);
  if (!lease) {
    co_await send_error(responder, lease.error());
    co_return;
  }
  for (protocol::Generate& prompt : completion->prompts) prompt.set_tenant(request.identity.key_id);
  AnswerHead head = make_answer_head("cmpl-", model, (*lease)->entry(), deps.now());
  Exchange exchange = {.answer = CompletionAnswer(std::move(head), *completion),
                       .stream = completion->streaming.stream,
                       .responder = &responder};
  co_await answer_prompts(**lease, *completion, exchange);
}

}  // namespace hearth::server::openai
