// The counters and histograms of a server, as Prometheus reads them (its text format, version 0.0.4).
//
// Labels are never what a client wrote: routes are the router's patterns, models those of the catalog; of
// models beyond kMaxModels all are "other".
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::metrics {

// Of prompts: evaluated, or found in the cache.
enum class TokenKind { kPrompt, kCached, kGenerated };

// What is as it is when somebody asks.
struct ServerState {
  struct Model {
    std::string name;
    uint64_t memory_bytes = 0;
  };
  uint64_t n_connections = 0;
  uint64_t n_running_requests = 0;  // that engines work on
  std::vector<Model> models = {};   // that are loaded
  uint64_t n_models_loading = 0;
};

// For one thread.
class ServerMetrics {
 public:
  static constexpr size_t kMaxModels = 256;
  static constexpr const char* kContentType = "text/plain; version=0.0.4; charset=utf-8";

  explicit ServerMetrics(const std::string& version);
  ServerMetrics(const ServerMetrics&) = delete;
  ServerMetrics& operator=(const ServerMetrics&) = delete;
  ~ServerMetrics();

  // `route`: a pattern, or empty where none matched.
  void request_answered(std::string_view route, int status, double seconds);
  // From the call to the engine until its first token.
  void first_token(std::string_view model, double seconds);
  void tokens(std::string_view model, TokenKind kind, int64_t n);
  // A model was made ready.
  void model_loaded(std::string_view model, double seconds);

  // Everything, with the process's own figures.
  std::string text(const ServerState& state);

 private:
  struct Families;
  std::string model_label(std::string_view model);

  std::unique_ptr<Families> families_;
};

}  // namespace hearth::metrics
