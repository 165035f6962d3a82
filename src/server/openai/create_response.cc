#include "server/inference/generation.h"
#include "server/inference/thinking.h"
#include "server/inference/tools.h"
#include "server/openai/api_error.h"
#include "server/openai/handlers.h"
#include "server/openai/response_items.h"
#include "server/openai/response_object.h"
#include "server/openai/response_output.h"
#include "server/openai/response_request.h"
#include "server/wire/stream_text.h"

namespace hearth::server::openai {
namespace {

using wire::Json;

constexpr int kNotFound = 404;

// A response on its way to one client.
class Exchange {
 public:
  Exchange(const Dependencies& deps, ResponseStore& store, const http::Request& request,
           http::Responder& responder, ResponseRequest wanted)
      : deps_(deps),
        store_(store),
        owner_(request.identity.key_id),
        responder_(responder),
        wanted_(std::move(wanted)),
        object_(wanted_.model.name, wanted_.echo, deps.now()),
        output_(wanted_.generate.logprobs()) {}

  Task<void> run(EngineLease& lease) {
    protocol::Generate generate = wanted_.generate;
    generate.set_conversation_json(conversation_of(wanted_.instructions, wanted_.items, wanted_.tools));
    generate.set_tenant(owner_);
    wire::PumpSinks sinks;
    sinks.on_accepted = [this](const protocol::Accepted&) { return begin(); };
    sinks.on_delta = [this](const protocol::Delta& delta) { return take(delta); };
    const wire::GenerationEnd end =
        co_await inference::run_generation(lease, std::move(generate), responder_, std::move(sinks));
    if (end.client_gone) co_return;
    if (end.error) {
      co_await fail(*end.error);
    } else {
      co_await finish(end.answers.front());
    }
  }

 private:
  Task<bool> begin() {
    if (!wanted_.stream || responder_.has_begun()) co_return true;
    const bool begun = co_await inference::begin_events(responder_);
    if (!begun) co_return false;
    ResponseEvents events;
    events.push_back({{"type", "response.created"}, {"response", object_.in_progress()}});
    events.push_back({{"type", "response.in_progress"}, {"response", object_.in_progress()}});
    co_return co_await write(events);
  }

  Task<bool> take(const protocol::Delta& delta) {
    if (!co_await begin()) co_return false;
    ResponseEvents events;
    if (delta.answer() == 0) output_.append(delta, events);
    if (!wanted_.stream || events.empty()) co_return true;
    co_return co_await write(events);
  }

  Task<bool> write(const ResponseEvents& events) {
    std::string text;
    for (Json event : events) {
      event["sequence_number"] = n_events_++;
      text += wire::sse_event(event, event["type"].get_ref<const std::string&>());
    }
    co_return co_await responder_.write(std::move(text));
  }

  Task<void> finish(const protocol::Finished& finished) {
    if (!co_await begin()) co_return;
    ResponseEvents events;
    const std::string status(ResponseObject::status_of(finished));
    output_.finish(status, events);
    const Json response = object_.finished(finished, output_.items(), deps_.now());
    // Before the client hears of it, so that what it asks next finds it.
    if (wanted_.store) keep(response);
    if (!wanted_.stream) {
      http::Response whole;
      whole.body = wire::dump_json(response);
      co_await responder_.send(std::move(whole));
      co_return;
    }
    events.push_back({{"type", "response." + status}, {"response", response}});
    if (co_await write(events)) co_await responder_.end();
  }

  Task<void> fail(const wire::ApiError& error) {
    if (!responder_.has_begun()) {
      co_await send_error(responder_, error);
      co_return;
    }
    ResponseEvents events;
    output_.finish("incomplete", events);
    events.push_back({{"type", "response.failed"}, {"response", object_.failed(error, output_.items())}});
    if (co_await write(events)) co_await responder_.end();
  }

  void keep(const Json& response) {
    StoredResponse stored = {.response = wire::dump_json(response),
                             .input_items = wire::dump_json(wanted_.items)};
    store_.put(owner_, object_.id(), std::move(stored), deps_.now());
  }

  const Dependencies& deps_;
  ResponseStore& store_;
  std::string owner_;
  http::Responder& responder_;
  ResponseRequest wanted_;
  ResponseObject object_;
  ResponseOutput output_;
  int64_t n_events_ = 0;
};

// Puts all that was said before in front of the input.
wire::ApiResult<void> go_on_from(const StoredResponse* previous, ResponseRequest& wanted) {
  if (wanted.previous_response_id.empty()) return {};
  if (previous == nullptr) {
    return wire::ApiError(kNotFound,
                          fmt::format("previous_response_id: there is no response {}",
                                      wire::describe(Json(wanted.previous_response_id))),
                          "previous_response_id");
  }
  Json items = Json::parse(previous->input_items);
  Json response = Json::parse(previous->response);
  for (Json& item : response["output"]) items.push_back(std::move(item));
  for (Json& item : wanted.items) items.push_back(std::move(item));
  wanted.items = std::move(items);
  return {};
}

// The request with all that precedes it, or why not.
wire::ApiResult<ResponseRequest> read_request(const Dependencies& deps, ResponseStore& store,
                                              const http::Request& request) {
  HEARTH_ASSIGN(ResponseRequest wanted, read_response_request(request.body));
  HEARTH_TRY(
      go_on_from(store.find(request.identity.key_id, wanted.previous_response_id, deps.now()), wanted));
  return wanted;
}

}  // namespace

Task<void> create_response(const Dependencies& deps, ResponseStore& store, const http::Request& request,
                           http::Responder& responder) {
  auto wanted = read_request(deps, store, request);
  if (!wanted) {
    co_await send_error(responder, wanted.error());
    co_return;
  }
  const auto lease =
      co_await inference::acquire_model(*deps.models, wanted->model, inference::Ability::kChat, responder);
  if (!lease) {
    co_await send_error(responder, lease.error());
    co_return;
  }
  const auto thinks = inference::check_thinking(wanted->model.name, (*lease)->description(), wanted->generate,
                                                "reasoning.effort");
  if (!thinks) {
    co_await send_error(responder, thinks.error());
    co_return;
  }
  const auto calls = inference::check_tools(wanted->model.name, (*lease)->description(), wanted->generate);
  if (!calls) {
    co_await send_error(responder, calls.error());
    co_return;
  }
  Exchange exchange(deps, store, request, responder, std::move(*wanted));
  co_await exchange.run(**lease);
}

}  // namespace hearth::server::openai
