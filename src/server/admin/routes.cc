#include "server/admin/routes.h"

#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>

namespace hearth::server::admin {
namespace {

using nlohmann::ordered_json;

constexpr int kOk = 200;
constexpr int kUnavailable = 503;

std::optional<std::string> ask(const std::function<std::optional<std::string>()>& question) {
  return question ? question() : std::nullopt;
}

http::Response health(const AdminDeps& deps, bool is_local) {
  const std::optional<std::string> reason = ask(deps.not_ready);
  ordered_json body;
  body["status"] = reason ? "unavailable" : "ok";
  body["version"] = deps.version;
  if (is_local) {
    const std::vector<RunningModel> running = deps.models->running();
    int64_t n_requests = 0;
    ordered_json engines = ordered_json::array();
    for (const RunningModel& model : running) {
      n_requests += model.n_requests;
      engines.push_back({{"model", model.entry.name},
                         {"sandbox", model.description.sandbox()},
                         {"running_requests", model.n_requests}});
    }
    body["models"] = running.size();
    body["running_requests"] = n_requests;
    body["engines"] = std::move(engines);
    if (reason) body["reason"] = *reason;
    if (const auto problem = ask(deps.problem)) body["warning"] = *problem;
  }
  http::Response response;
  response.status = reason ? kUnavailable : kOk;
  response.body = body.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  response.headers = {{"Cache-Control", "no-store"}};
  return response;
}

http::Response metrics_text(const AdminDeps& deps) {
  metrics::ServerState state;
  if (deps.n_connections) state.n_connections = deps.n_connections();
  for (const RunningModel& model : deps.models->running()) {
    const protocol::Memory& memory = model.description.memory();
    state.n_running_requests += static_cast<uint64_t>(model.n_requests);
    state.models.push_back(
        {model.entry.name, static_cast<uint64_t>(memory.weights_bytes() + memory.kv_bytes() +
                                                 memory.work_bytes() + memory.adapters_bytes())});
  }
  state.n_models_loading = deps.models->loading().size();
  http::Response response;
  response.content_type = metrics::ServerMetrics::kContentType;
  response.body = deps.metrics->text(state);
  return response;
}

// "uid 1000" is over the Unix socket.
bool is_loopback(std::string_view peer) {
  return peer.starts_with("uid ") || peer == "::1" || peer.starts_with("127.") ||
         peer.starts_with("::ffff:127.");
}

}  // namespace

void add_admin_routes(http::Router& router, AdminDeps deps) {
  const auto shared = std::make_shared<const AdminDeps>(std::move(deps));
  const auto answer_health = [shared](const http::Request& request,
                                      http::Responder& responder) -> Task<void> {
    co_await responder.send(health(*shared, is_loopback(request.peer)));
  };
  const auto answer_metrics = [shared](const http::Request&, http::Responder& responder) -> Task<void> {
    co_await responder.send(metrics_text(*shared));
  };
  router.add({http::Method::kGet, "/health", http::Scope::kPublic, http::Dialect::kOllama, answer_health});
  router.add({http::Method::kGet, "/metrics",
              shared->metrics_are_public ? http::Scope::kPublic : http::Scope::kAdmin, http::Dialect::kOllama,
              answer_metrics});
}

}  // namespace hearth::server::admin
