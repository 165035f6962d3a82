// `hearth serve` as a whole: the HTTP server, the APIs, accounts, metrics and the models behind them.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>

#include "base/result.h"
#include "server/http/server.h"
#include "server/models/model_manager.h"
#include "server/transfers/transfers.h"

namespace hearth::server {

struct FrontOptions {
  http::ServerOptions http;  // its hooks are set by the front
  ModelManagerOptions models;
  TransferOptions transfers;
  std::filesystem::path accounts_folder;  // keys and audit log
  bool shares_models = false;             // other machines may copy the store's blobs
  bool require_key = false;               // on loopback too, and there is no Unix socket
  bool insecure = false;                  // reachable from elsewhere without keys or TLS
  bool audit = true;
  std::chrono::milliseconds grace{30'000};  // for answers that run when the server is told to end
  std::string version;
};

// What the person at the terminal should know.
struct FrontEvents {
  // The server accepts connections.
  std::function<void(const std::string& address)> on_listening;
  std::function<void(std::string_view message)> on_warning;
  // It was told to end, and waits for so many answers.
  std::function<void(size_t n_running)> on_draining;
};

// Serves until SIGINT or SIGTERM, then lets the answers that run come to their end; the second signal cuts
// them. kUsage: it would be reachable from elsewhere unprotected; what opening sockets, accounts and
// certificates may say.
Result<void> serve(FrontOptions options, const FrontEvents& events);

}  // namespace hearth::server
