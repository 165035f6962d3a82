// What all connections of a server share. Private to the server.
#pragma once

#include <memory>
#include <string>

#include "server/http/access_policy.h"
#include "server/http/server.h"
#include "server/http/transport.h"

namespace hearth::server::http {

struct ServerState {
  Router router;
  ServerOptions options;
  AccessPolicy policy;
  Authenticator authenticator;
  std::shared_ptr<TlsContext> tls;  // null: plain
  ServerStats stats;
  bool draining = false;

  void report(std::string_view message) const {
    if (options.report) options.report(message);
  }
};

}  // namespace hearth::server::http
