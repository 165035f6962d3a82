#include "server/anthropic/models.h"

#include <algorithm>
#include <charconv>

#include "server/wire/timestamp.h"

namespace hearth::server::anthropic {
namespace {

using wire::ApiError;
using wire::ApiResult;
using wire::Json;

constexpr int kBadRequest = 400;

ApiResult<size_t> page_limit(const http::Request& request) {
  constexpr size_t kDefault = 20;
  constexpr size_t kMost = 1000;
  const auto text = request.query_value("limit");
  if (!text) return kDefault;
  size_t limit = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), limit);
  if (error != std::errc() || end != text->data() + text->size() || limit < 1 || limit > kMost) {
    return ApiError(kBadRequest,
                    fmt::format("limit: expected an integer from 1 to {}, found {}", kMost,
                                wire::describe(Json(std::string(*text)))),
                    "limit");
  }
  return limit;
}

ApiResult<size_t> place_of(std::span<const CatalogEntry> entries, std::string_view parameter,
                           std::string_view name) {
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const auto& e) { return e.name == name; });
  if (found == entries.end()) {
    return ApiError(
        kBadRequest,
        fmt::format("{}: there is no model {}", parameter, wire::describe(Json(std::string(name)))),
        std::string(parameter));
  }
  return static_cast<size_t>(found - entries.begin());
}

}  // namespace

bool is_anthropic(const http::Request& request) {
  return request.header("anthropic-version").has_value();
}

Json model_info(const CatalogEntry& entry) {
  return {{"type", "model"},
          {"id", entry.name},
          {"display_name", entry.name},
          {"created_at", wire::utc_timestamp(entry.modified_at)},
          {"lifecycle", "active"},
          {"line", nullptr},
          {"capabilities", nullptr},
          {"max_input_tokens", nullptr},
          {"max_tokens", nullptr},
          {"deprecated_at", nullptr},
          {"retires_at", nullptr}};
}

ApiResult<Json> model_page(std::span<const CatalogEntry> entries, const http::Request& request) {
  HEARTH_ASSIGN(const size_t limit, page_limit(request));
  size_t begin = 0;
  size_t end = entries.size();
  bool has_more = false;
  if (const auto before = request.query_value("before_id")) {
    HEARTH_ASSIGN(end, place_of(entries, "before_id", *before));
    begin = end - std::min(end, limit);
    has_more = begin > 0;
  } else {
    if (const auto after = request.query_value("after_id")) {
      HEARTH_ASSIGN(const size_t last, place_of(entries, "after_id", *after));
      begin = last + 1;
    }
    end = std::min(end, begin + limit);
    has_more = end < entries.size();
  }
  Json data = Json::array();
  for (const CatalogEntry& entry : entries.subspan(begin, end - begin)) data.push_back(model_info(entry));
  const Json first = data.empty() ? Json() : data.front()["id"];
  const Json last = data.empty() ? Json() : data.back()["id"];
  return Json{{"data", std::move(data)}, {"has_more", has_more}, {"first_id", first}, {"last_id", last}};
}

}  // namespace hearth::server::anthropic
