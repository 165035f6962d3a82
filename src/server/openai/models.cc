#include "server/anthropic/models.h"

#include "server/anthropic/api_error.h"
#include "server/openai/api_error.h"
#include "server/openai/handlers.h"
#include "server/wire/timestamp.h"

namespace hearth::server::openai {
namespace {

using wire::Json;

// What stands before the last slash of a name: "library" where nobody's is said, as in Ollama's.
std::string owner_of(std::string_view name) {
  const size_t slash = name.rfind('/');
  return slash == std::string_view::npos ? "library" : std::string(name.substr(0, slash));
}

Json model_object(const CatalogEntry& entry) {
  return {{"id", entry.name},
          {"object", "model"},
          {"created", wire::unix_seconds(entry.modified_at)},
          {"owned_by", owner_of(entry.name)}};
}

Task<void> send_json(http::Responder& responder, Json body) {
  http::Response response;
  response.body = wire::dump_json(body);
  co_await responder.send(std::move(response));
}

}  // namespace

Task<void> list_models(const Dependencies& deps, const http::Request& request, http::Responder& responder) {
  const std::vector<CatalogEntry> catalog = deps.models->catalog();
  if (anthropic::is_anthropic(request)) {
    auto page = anthropic::model_page(catalog, request);
    if (!page) {
      co_await anthropic::send_error(request, responder, page.error());
      co_return;
    }
    co_await send_json(responder, std::move(*page));
    co_return;
  }
  Json data = Json::array();
  for (const CatalogEntry& entry : catalog) data.push_back(model_object(entry));
  Json list = {{"object", "list"}, {"data", std::move(data)}};
  co_await send_json(responder, std::move(list));
}

Task<void> show_model(const Dependencies& deps, const http::Request& request, http::Responder& responder) {
  const bool for_anthropic = anthropic::is_anthropic(request);
  const auto entry = deps.models->find(request.parameters.front());
  if (entry) responder.note_model(entry->name);
  if (!entry) {
    wire::ApiError error(entry.error());
    if (for_anthropic) {
      co_await anthropic::send_error(request, responder, std::move(error));
    } else {
      co_await send_error(responder, std::move(error));
    }
    co_return;
  }
  Json model = for_anthropic ? anthropic::model_info(*entry) : model_object(*entry);
  co_await send_json(responder, std::move(model));
}

}  // namespace hearth::server::openai
