// What `hearth serve` is told: by options, and where these are not given by the environment.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/kv_cache.h"

namespace hearth::cli {

struct ServeOptions {
  std::string host;  // "HOST" or "HOST:PORT"
  int64_t port = -1;
  std::string models;
  int64_t context_tokens = 0;  // 0: the engine's default
  int64_t kv_tokens = 0;       // 0: a context for each of max_sequences
  int64_t max_sequences = 8;
  int64_t max_waiting = 512;
  int64_t max_loaded = 3;  // 0: as many as memory holds
  int64_t memory_gib = 0;
  int64_t n_threads = 0;
  int64_t grace_s = 30;
  std::string keep_alive = "5m";
  std::string load_timeout = "5m";
  models::KvTypes kv_types;
  std::string certificate;
  std::string key;
  std::vector<std::string> allowed_hosts;
  std::vector<std::string> allowed_origins;
  bool require_key = false;
  bool no_audit = false;
  bool insecure = false;
  bool offline = false;
  bool share_models = false;
  std::string ca_file;
  std::string limit_rate;
  std::vector<std::string> token_hosts;
  std::vector<std::string> verify_keys;  // files
  // Where it comes from, for messages: "--host", "HEARTH_HOST", "OLLAMA_HOST".
  std::string host_source = "--host";
  std::string keep_alive_source = "--keep-alive";
  std::string load_timeout_source = "--load-timeout";
};

// The value of a variable; empty where it is not set.
using Environment = std::function<std::string(const std::string& name)>;

// Fills in what no option of `given` ("--host") says: of each variable HEARTH_NAME, or where that is not set
// OLLAMA_NAME, which people have who come from there. kUsage, naming the variable.
Result<void> read_environment(const Environment& environment, const std::set<std::string>& given,
                              ServeOptions& options);

// The variables, a line each, as the help shows them: "HEARTH_HOST   --host".
std::string environment_help();

}  // namespace hearth::cli
