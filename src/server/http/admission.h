// Whether a request whose head has been read goes on to a handler, and to which. Private to the server.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "server/http/request_parser.h"
#include "server/http/server_state.h"

namespace hearth::server::http {

// The ends of the connection that a request came over.
struct Endpoints {
  std::string local;  // addresses without ports
  std::string peer;
  bool peer_is_loopback = false;
  std::optional<uid_t> user = {};  // of a Unix socket: whose program it is
};

struct Admission {
  Request request;               // all but its body
  const Route* route = nullptr;  // null: `response` says why
  Dialect dialect = Dialect::kOllama;
  Headers headers;                   // that the response bears, whatever it is: CORS
  std::optional<Response> response;  // the answer, where no handler is to give it
};

// Target, Host, Origin, route, key, in this order; Host and Origin are not looked at where the request came
// over a Unix socket, which no page can reach. `request.peer` and `request.id` are set.
Admission admit(const ServerState& state, const RequestHead& head, const Endpoints& endpoints,
                std::string id);

// Of a path's prefix, for errors that arise before a route is known.
Dialect dialect_of(std::string_view path) noexcept;

// "req_" and 24 hex digits, which nobody can guess.
std::string make_request_id();

}  // namespace hearth::server::http
