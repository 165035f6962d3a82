// The routes for who runs the server: GET /health and GET /metrics.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "metrics/server_metrics.h"
#include "server/http/router.h"
#include "server/models/model_service.h"

namespace hearth::server::admin {

// All that is pointed to must outlive the router.
struct AdminDeps {
  ModelService* models = nullptr;
  metrics::ServerMetrics* metrics = nullptr;
  std::string version = {};
  // GET /metrics without a key: on loopback. Else it needs the scope kAdmin.
  bool metrics_are_public = false;
  std::function<uint64_t()> n_connections = {};  // may be empty
  // Why the server should get no requests: it shuts down, the engines do not start. Nothing: it may. May be
  // empty.
  std::function<std::optional<std::string>()> not_ready = {};
  // What is wrong although it answers, for `warning`: Accounts::problem(). Never told beyond loopback, since
  // it has paths in it. May be empty.
  std::function<std::optional<std::string>()> problem = {};
};

// GET /health answers 200, or 503 where the server is not ready, with
//   {"status": "ok" | "unavailable", "version", "models": N loaded, "running_requests",
//    "engines": [{"model", "sandbox", "running_requests"}], "reason"?, "warning"?}
// It is public, for load balancers and containers; who is not on this machine is told status and version
// only.
void add_admin_routes(http::Router& router, AdminDeps deps);

}  // namespace hearth::server::admin
