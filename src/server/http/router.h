// Which handler answers what. The table is also what tests and `hearth key` take the list of routes from.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "server/http/request.h"
#include "server/http/responder.h"

namespace hearth::server::http {

// What a key must be allowed for a route. Who is asked for one: docs/security.md.
enum class Scope {
  kPublic,     // nobody is asked for a key: /, /health
  kInference,  // generating, embedding, listing models
  kManage,     // changing what models there are
  kAdmin,      // metrics of all, keys
};
std::string_view scope_name(Scope scope) noexcept;

// In whose shape errors are told that arise before or beside the handler: limits, keys, time-outs.
enum class Dialect { kOllama, kOpenAi, kAnthropic };

using Handler = std::function<Task<void>(const Request& request, Responder& responder)>;

struct Route {
  Method method;
  std::string pattern;  // "/v1/models/{id}"; a {name} takes one segment, {name...} all the rest
  Scope scope = Scope::kInference;
  Dialect dialect = Dialect::kOllama;
  Handler handler;
  // More than 0: the handler reads the body as it comes (Request::streamed_body), which may have so many
  // bytes; an answer before its end is the connection's last. 0: it is read before, within
  // Limits::body_bytes.
  uint64_t streamed_body_bytes = 0;
};

// The error of a dialect: its body, and the status that goes with it. `request_id` is in Anthropic's.
Response error_response(Dialect dialect, int status, std::string_view message, std::string_view request_id);

// Filled before the server starts, read-only afterwards. A GET route answers HEAD too.
class Router {
 public:
  // The same method and pattern twice is a bug.
  void add(Route route);
  const std::vector<Route>& routes() const noexcept { return routes_; }
  // The most that any route takes; 0: none streams.
  uint64_t max_streamed_body_bytes() const noexcept { return max_streamed_body_bytes_; }

  struct Match {
    const Route* route = nullptr;         // null: none
    std::vector<std::string> parameters;  // Request::parameters
    std::vector<Method> allowed;          // where the path is known, but not with this method
  };
  // `path` is decoded.
  Match match(Method method, std::string_view path) const;

 private:
  std::vector<Route> routes_;
  uint64_t max_streamed_body_bytes_ = 0;
};

}  // namespace hearth::server::http
