// Who may ask for what: the server's question to whatever knows the keys.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "server/http/request.h"
#include "server/http/router.h"

namespace hearth::server::http {

struct Credentials {
  // Of `Authorization: Bearer KEY`, or else of `x-api-key: KEY`; as it was sent, of any length that a header
  // may have. Nothing: none was given.
  std::optional<std::string_view> key;
  Scope scope = Scope::kInference;  // that the route needs; never kPublic, for which nobody is asked
  std::string_view peer;            // "127.0.0.1", "uid 1000"
  bool peer_is_loopback = false;
  std::optional<uid_t> user = {};  // came over a Unix socket: the server's own user, or root
};

// Why not. The message is shown to the client.
struct Refusal {
  int status =
      401;  // 401: no key, or one that is unknown or has expired; 403: wrong scope; 429: over its limits
  std::string message;
  std::optional<std::chrono::seconds> retry_after = {};  // with 429
};

using Authentication = std::variant<Identity, Refusal>;

// Called on the thread of the front for each request, before its body is read; must not block for long. What
// arrives with a key also over Server's on_answered hook says when the request has ended.
using Authenticator = std::function<Authentication(const Credentials& credentials)>;

// For a server on loopback without keys: everybody is the local person, and may do all but kAdmin. A key that
// is sent nevertheless (OpenAI's clients insist on one) is ignored.
Authenticator allow_everybody();

}  // namespace hearth::server::http
