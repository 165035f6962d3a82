#include <algorithm>
#include <charconv>

#include "server/openai/api_error.h"
#include "server/openai/handlers.h"

namespace hearth::server::openai {
namespace {

using wire::ApiError;
using wire::ApiResult;
using wire::Json;

constexpr int kBadRequest = 400;
constexpr int kNotFound = 404;

Task<void> send_text(http::Responder& responder, std::string body) {
  http::Response response;
  response.body = std::move(body);
  co_await responder.send(std::move(response));
}

// Another's is not there either: it must not even be known that it exists.
ApiError no_such_response(const std::string& id) {
  return {kNotFound, fmt::format("response {} not found", wire::describe(Json(id)))};
}

ApiError wrong_query(std::string_view name, std::string_view expected, std::string_view found) {
  return {kBadRequest,
          fmt::format("{}: expected {}, found {}", name, expected, wire::describe(Json(std::string(found)))),
          std::string(name)};
}

// What of a list is asked for: `limit` (20), `order` ("desc"), `after` (an item's id).
struct ListQuery {
  size_t limit = 20;
  bool ascending = false;
  std::string after;
};

ApiResult<ListQuery> read_list_query(const http::Request& request) {
  constexpr size_t kMost = 100;
  ListQuery query;
  if (const auto limit = request.query_value("limit")) {
    const auto [end, error] = std::from_chars(limit->data(), limit->data() + limit->size(), query.limit);
    const bool whole = error == std::errc() && end == limit->data() + limit->size();
    if (!whole || query.limit < 1 || query.limit > kMost) {
      return wrong_query("limit", "an integer from 1 to 100", *limit);
    }
  }
  if (const auto order = request.query_value("order")) {
    if (*order != "asc" && *order != "desc") return wrong_query("order", "\"asc\" or \"desc\"", *order);
    query.ascending = *order == "asc";
  }
  query.after = request.query_value("after").value_or("");
  return query;
}

ApiResult<Json> item_list(Json items, const ListQuery& query) {
  if (!query.ascending) std::reverse(items.begin(), items.end());
  auto begin = items.begin();
  if (!query.after.empty()) {
    begin =
        std::find_if(items.begin(), items.end(), [&](const Json& item) { return item["id"] == query.after; });
    if (begin == items.end()) return wrong_query("after", "the id of an item", query.after);
    ++begin;
  }
  Json data = Json::array();
  for (; begin != items.end() && data.size() < query.limit; ++begin) data.push_back(*begin);
  const Json first = data.empty() ? Json("") : data.front()["id"];
  const Json last = data.empty() ? Json("") : data.back()["id"];
  return Json{{"object", "list"},
              {"data", std::move(data)},
              {"first_id", first},
              {"last_id", last},
              {"has_more", begin != items.end()}};
}

}  // namespace

Task<void> show_response(const Dependencies& deps, ResponseStore& store, const http::Request& request,
                         http::Responder& responder) {
  const std::string& id = request.parameters.front();
  if (request.query_value("stream").value_or("false") == "true") {
    co_await send_error(responder, wrong_query("stream", "false", "true"));
    co_return;
  }
  const StoredResponse* const stored = store.find(request.identity.key_id, id, deps.now());
  if (stored == nullptr) {
    co_await send_error(responder, no_such_response(id));
    co_return;
  }
  co_await send_text(responder, stored->response);
}

Task<void> delete_response(const Dependencies& deps, ResponseStore& store, const http::Request& request,
                           http::Responder& responder) {
  const std::string& id = request.parameters.front();
  if (!store.erase(request.identity.key_id, id, deps.now())) {
    co_await send_error(responder, no_such_response(id));
    co_return;
  }
  const Json deleted = {{"id", id}, {"object", "response"}, {"deleted", true}};
  co_await send_text(responder, wire::dump_json(deleted));
}

Task<void> list_input_items(const Dependencies& deps, ResponseStore& store, const http::Request& request,
                            http::Responder& responder) {
  const std::string& id = request.parameters.front();
  const auto query = read_list_query(request);
  if (!query) {
    co_await send_error(responder, query.error());
    co_return;
  }
  const StoredResponse* const stored = store.find(request.identity.key_id, id, deps.now());
  if (stored == nullptr) {
    co_await send_error(responder, no_such_response(id));
    co_return;
  }
  const auto list = item_list(Json::parse(stored->input_items), *query);
  if (!list) {
    co_await send_error(responder, list.error());
    co_return;
  }
  co_await send_text(responder, wire::dump_json(*list));
}

}  // namespace hearth::server::openai
