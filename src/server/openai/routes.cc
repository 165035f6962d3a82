#include "server/openai/routes.h"

#include <memory>

#include "server/openai/handlers.h"

namespace hearth::server::openai {
namespace {

using http::Method;

using PlainHandler = Task<void> (*)(const Dependencies&, const http::Request&, http::Responder&);
using StoreHandler = Task<void> (*)(const Dependencies&, ResponseStore&, const http::Request&,
                                    http::Responder&);

// The state of the routes, which lives as long as one of them.
struct State {
  Dependencies deps;
  ResponseStore responses;
};

}  // namespace

void add_openai_routes(http::Router& router, const Dependencies& dependencies,
                       const ResponseStore::Limits& limits) {
  const auto state = std::make_shared<State>(State{.deps = dependencies, .responses = ResponseStore(limits)});
  const auto add = [&router](Method method, std::string pattern, http::Handler handler) {
    router.add({.method = method,
                .pattern = std::move(pattern),
                .scope = http::Scope::kInference,
                .dialect = http::Dialect::kOpenAi,
                .handler = std::move(handler)});
  };
  const auto plain = [&state](PlainHandler handler) {
    return [state, handler](const http::Request& request, http::Responder& responder) {
      return handler(state->deps, request, responder);
    };
  };
  const auto with_store = [&state](StoreHandler handler) {
    return [state, handler](const http::Request& request, http::Responder& responder) {
      return handler(state->deps, state->responses, request, responder);
    };
  };
  add(Method::kPost, "/v1/chat/completions", plain(answer_chat));
  add(Method::kPost, "/v1/completions", plain(answer_completion));
  add(Method::kPost, "/v1/embeddings", plain(answer_embeddings));
  add(Method::kGet, "/v1/models", plain(list_models));
  add(Method::kGet, "/v1/models/{id...}", plain(show_model));
  add(Method::kPost, "/v1/responses", with_store(create_response));
  add(Method::kGet, "/v1/responses/{id}", with_store(show_response));
  add(Method::kDelete, "/v1/responses/{id}", with_store(delete_response));
  add(Method::kGet, "/v1/responses/{id}/input_items", with_store(list_input_items));
}

}  // namespace hearth::server::openai
