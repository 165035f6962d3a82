#include "server/http/router.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/check.h"

namespace hearth::server::http {
namespace {

// The segments between slashes: "/a/b" has "a" and "b".
std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> segments;
  while (!path.empty()) {
    path.remove_prefix(1);
    const size_t slash = std::min(path.find('/'), path.size());
    segments.push_back(path.substr(0, slash));
    path.remove_prefix(slash);
  }
  return segments;
}

bool is_parameter(std::string_view segment) {
  return segment.starts_with('{');
}
bool takes_the_rest(std::string_view segment) {
  return segment.ends_with("...}");
}

// What stands for the pattern's parameters in `path`, or nothing where it does not match.
std::optional<std::vector<std::string>> match_pattern(std::string_view pattern, std::string_view path) {
  if (!path.starts_with('/')) return std::nullopt;
  const auto wanted = segments_of(pattern);
  const auto found = segments_of(path);
  std::vector<std::string> parameters;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (i >= found.size()) return std::nullopt;
    if (takes_the_rest(wanted[i])) {
      const std::string_view rest = path.substr(static_cast<size_t>(found[i].data() - path.data()));
      if (rest.empty()) return std::nullopt;
      parameters.emplace_back(rest);
      return parameters;
    }
    if (is_parameter(wanted[i])) {
      if (found[i].empty()) return std::nullopt;
      parameters.emplace_back(found[i]);
    } else if (wanted[i] != found[i]) {
      return std::nullopt;
    }
  }
  if (found.size() != wanted.size()) return std::nullopt;
  return parameters;
}

std::string_view openai_type(int status) {
  switch (status) {
    case 400:
      return "invalid_request_error";
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 429:
      return "rate_limit_error";
    default:
      return status < 500 ? "invalid_request_error" : "api_error";
  }
}

std::string_view anthropic_type(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    case 503:
    case 529:
      return "overloaded_error";
    default:
      return status < 500 ? "invalid_request_error" : "api_error";
  }
}

}  // namespace

std::string_view scope_name(Scope scope) noexcept {
  switch (scope) {
    case Scope::kPublic:
      return "public";
    case Scope::kInference:
      return "inference";
    case Scope::kManage:
      return "manage";
    case Scope::kAdmin:
      return "admin";
  }
  return "";
}

Response error_response(Dialect dialect, int status, std::string_view message, std::string_view request_id) {
  using nlohmann::ordered_json;
  ordered_json body;
  switch (dialect) {
    case Dialect::kOllama:
      body = {{"error", message}};
      break;
    case Dialect::kOpenAi:
      body = {{"error",
               {{"message", message}, {"type", openai_type(status)}, {"param", nullptr}, {"code", nullptr}}}};
      break;
    case Dialect::kAnthropic:
      body = {{"type", "error"},
              {"error", {{"type", anthropic_type(status)}, {"message", message}}},
              {"request_id", request_id}};
      break;
  }
  // A message may quote what a client sent, which need not be UTF-8.
  return {.status = status, .body = body.dump(-1, ' ', false, ordered_json::error_handler_t::replace)};
}

void Router::add(Route route) {
  for (const Route& other : routes_) {
    HEARTH_CHECK(other.method != route.method || other.pattern != route.pattern);
  }
  max_streamed_body_bytes_ = std::max(max_streamed_body_bytes_, route.streamed_body_bytes);
  routes_.push_back(std::move(route));
}

Router::Match Router::match(Method method, std::string_view path) const {
  Match match;
  for (const Route& route : routes_) {
    auto parameters = match_pattern(route.pattern, path);
    if (!parameters) continue;
    const bool serves = route.method == method || (method == Method::kHead && route.method == Method::kGet);
    if (serves) return {.route = &route, .parameters = std::move(*parameters), .allowed = {}};
    match.allowed.push_back(route.method);
  }
  return match;
}

}  // namespace hearth::server::http
