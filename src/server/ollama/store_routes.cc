// What changes the models of the store: /api/copy and /api/delete.
#include "server/models/model_store.h"
#include "server/ollama/handlers.h"
#include "server/ollama/refusal.h"
#include "server/ollama/store_access.h"
#include "server/wire/json_body.h"

namespace hearth::server::ollama {
namespace {

using wire::ApiError;
using wire::ApiResult;
using wire::JsonBody;

// Done: 200 and nothing.
Task<void> answer_empty(http::Responder& responder, const ApiResult<void>& done) {
  http::Response response;
  if (done) {
    response.body = "";
  } else {
    response = refusal(done.error());
  }
  co_await responder.send(std::move(response));
}

Task<ApiResult<void>> copy(OllamaApi api, const http::Request& request, http::Responder& responder) {
  if (const ApiResult<void> has_store = check_store(api); !has_store) co_return has_store.error();
  auto body = JsonBody::parse(request.body);
  if (!body) co_return body.error();
  const std::string source_text = (*body)["source"].required().string().value_or("");
  const std::string destination_text = (*body)["destination"].required().string().value_or("");
  if (const ApiResult<void> checked = body->check(); !checked) co_return checked.error();
  const auto source = find_stored(api, source_text);
  if (!source) co_return source.error();
  note_model(api, source_text, responder);
  const auto destination = store::ModelName::parse(destination_text);
  if (!destination) co_return ApiError(destination.error());
  std::function<Result<void>(const store::Store&)> work = [from = (*source)->manifest.name,
                                                           to = *destination](const store::Store& store) {
    return store.copy(from, to);
  };
  const Result<void> copied = co_await api.store->run<Result<void>>(std::move(work));
  if (!copied) co_return store_error(api, copied.error());
  responder.note_model(destination->text());
  co_return ApiResult<void>();
}

Task<ApiResult<void>> remove(OllamaApi api, const http::Request& request, http::Responder& responder) {
  if (const ApiResult<void> has_store = check_store(api); !has_store) co_return has_store.error();
  auto body = JsonBody::parse(request.body);
  if (!body) co_return body.error();
  // "name" is what old clients say.
  std::string text = (*body)["model"].string().value_or("");
  if (text.empty()) text = (*body)["name"].string().value_or("");
  if (const ApiResult<void> checked = body->check(); !checked) co_return checked.error();
  if (text.empty()) co_return ApiError(400, "model: expected the name of a model", "model");
  // Also one whose manifest cannot be read, which the catalog does not have.
  const auto known = find_stored(api, text);
  const auto name = store::ModelName::parse(text);
  note_model(api, text, responder);
  if (!known && (known.error().status != 404 || !name)) co_return known.error();
  std::function<Result<void>(const store::Store&)> work =
      [name = *name](const store::Store& store) -> Result<void> {
    const auto removed = store.remove(name);
    if (!removed) return removed.error();
    return {};
  };
  const Result<void> removed = co_await api.store->run<Result<void>>(std::move(work));
  if (!removed) co_return store_error(api, removed.error());
  if (!known) responder.note_model(name->text());
  // Requests that run have their answers to the end.
  (void)api.models.unload(text);
  co_return ApiResult<void>();
}

}  // namespace

Task<void> copy_model(OllamaApi api, const http::Request& request, http::Responder& responder) {
  const ApiResult<void> done = co_await copy(api, request, responder);
  co_await answer_empty(responder, done);
}

Task<void> delete_model(OllamaApi api, const http::Request& request, http::Responder& responder) {
  const ApiResult<void> done = co_await remove(api, request, responder);
  co_await answer_empty(responder, done);
}

}  // namespace hearth::server::ollama
