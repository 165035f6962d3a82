#include "metrics/server_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <map>
#include <set>

#include "metrics/process_stats.h"

namespace hearth::metrics {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using prometheus::Labels;

// Seconds: from an answer out of memory to one of many thousand tokens.
const Histogram::BucketBoundaries kRequestSeconds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,  0.25,
                                                  0.5,   1.0,    2.5,   5.0,  10.0,  30.0, 60.0, 300.0};
const Histogram::BucketBoundaries kFirstTokenSeconds{0.005, 0.01, 0.025, 0.05, 0.1,  0.25, 0.5,
                                                     1.0,   2.5,  5.0,   10.0, 30.0, 60.0};
const Histogram::BucketBoundaries kLoadSeconds{0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0};

constexpr const char* name_of(TokenKind kind) {
  switch (kind) {
    case TokenKind::kPrompt:
      return "prompt";
    case TokenKind::kCached:
      return "cached";
    case TokenKind::kGenerated:
      return "generated";
  }
  return "";
}

template <typename T>
Family<T>& family(prometheus::Registry& registry, const char* name, const char* help);
template <>
Family<Counter>& family(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}
template <>
Family<Gauge>& family(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}
template <>
Family<Histogram>& family(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
}

}  // namespace

struct ServerMetrics::Families {
  template <typename T>
  Family<T>& add(const char* name, const char* help) {
    return family<T>(registry, name, help);
  }
  Gauge& gauge(const char* name, const char* help) { return add<Gauge>(name, help).Add({}); }

  prometheus::Registry registry;
  std::set<std::string, std::less<>> known_models;
  std::map<std::string, Gauge*> memory_of_model;
  double counted_cpu_s = 0.0;

  Family<Counter>& requests =
      add<Counter>("hearth_requests_total", "Requests answered, by route and HTTP status");
  Family<Histogram>& request_seconds =
      add<Histogram>("hearth_request_seconds", "Seconds from a request's head to the end of its answer");
  Family<Histogram>& first_token_seconds =
      add<Histogram>("hearth_time_to_first_token_seconds",
                     "Seconds from the call to an engine to the first token of its answer");
  Family<Counter>& tokens =
      add<Counter>("hearth_tokens_total",
                   "Tokens: of prompts, evaluated (prompt) or found in the cache (cached), and generated");
  Family<Histogram>& load_seconds =
      add<Histogram>("hearth_model_load_seconds", "Seconds that loading a model took");
  Gauge& running_requests = gauge("hearth_running_requests", "Requests that engines work on");
  Gauge& connections = gauge("hearth_connections", "Open connections of clients");
  Gauge& models_loaded = gauge("hearth_models_loaded", "Models that are loaded");
  Gauge& models_loading = gauge("hearth_models_loading", "Models that are being loaded");
  Family<Gauge>& model_memory =
      add<Gauge>("hearth_model_memory_bytes", "Memory of a loaded model: weights and cache");

  Counter& cpu_seconds =
      add<Counter>("process_cpu_seconds_total", "Processor time of this process, in seconds").Add({});
  Gauge& resident_bytes = gauge("process_resident_memory_bytes", "Memory of this process that is in RAM");
  Gauge& virtual_bytes = gauge("process_virtual_memory_bytes", "Address space of this process");
  Gauge& open_files = gauge("process_open_fds", "Open files and sockets");
  Gauge& max_open_files = gauge("process_max_fds", "How many files and sockets may be open");
  Gauge& threads = gauge("process_threads", "Threads");
  Gauge& start_time = gauge("process_start_time_seconds", "When this process began, in seconds since 1970");
};

ServerMetrics::ServerMetrics(const std::string& version) : families_(std::make_unique<Families>()) {
  families_->add<Gauge>("hearth_build_info", "1, with the version as a label")
      .Add({{"version", version}})
      .Set(1.0);
}

ServerMetrics::~ServerMetrics() = default;

std::string ServerMetrics::model_label(std::string_view model) {
  auto& known = families_->known_models;
  if (known.contains(model)) return std::string(model);
  if (known.size() >= kMaxModels) return "other";
  return *known.emplace(model).first;
}

void ServerMetrics::request_answered(std::string_view route, int status, double seconds) {
  const std::string label(route.empty() ? "none" : route);
  families_->requests.Add({{"route", label}, {"status", std::to_string(status)}}).Increment();
  families_->request_seconds.Add({{"route", label}}, kRequestSeconds).Observe(seconds);
}

void ServerMetrics::first_token(std::string_view model, double seconds) {
  families_->first_token_seconds.Add({{"model", model_label(model)}}, kFirstTokenSeconds).Observe(seconds);
}

void ServerMetrics::tokens(std::string_view model, TokenKind kind, int64_t n) {
  if (n <= 0) return;  // a counter never goes back
  families_->tokens.Add({{"kind", name_of(kind)}, {"model", model_label(model)}})
      .Increment(static_cast<double>(n));
}

void ServerMetrics::model_loaded(std::string_view model, double seconds) {
  families_->load_seconds.Add({{"model", model_label(model)}}, kLoadSeconds).Observe(seconds);
}

std::string ServerMetrics::text(const ServerState& state) {
  Families& all = *families_;
  all.running_requests.Set(static_cast<double>(state.n_running_requests));
  all.connections.Set(static_cast<double>(state.n_connections));
  all.models_loaded.Set(static_cast<double>(state.models.size()));
  all.models_loading.Set(static_cast<double>(state.n_models_loading));
  std::map<std::string, double> memory_bytes;
  for (const auto& model : state.models) {
    memory_bytes[model_label(model.name)] += static_cast<double>(model.memory_bytes);
  }
  std::erase_if(all.memory_of_model, [&](const auto& entry) {
    if (memory_bytes.contains(entry.first)) return false;
    all.model_memory.Remove(entry.second);
    return true;
  });
  for (const auto& [model, bytes] : memory_bytes) {
    Gauge*& gauge = all.memory_of_model[model];
    if (gauge == nullptr) gauge = &all.model_memory.Add({{"model", model}});
    gauge->Set(bytes);
  }

  const ProcessStats process = read_process_stats();
  all.cpu_seconds.Increment(std::max(0.0, process.cpu_seconds - all.counted_cpu_s));
  all.counted_cpu_s = std::max(all.counted_cpu_s, process.cpu_seconds);
  all.resident_bytes.Set(static_cast<double>(process.resident_bytes));
  all.virtual_bytes.Set(static_cast<double>(process.virtual_bytes));
  all.open_files.Set(static_cast<double>(process.n_open_files));
  all.max_open_files.Set(static_cast<double>(process.max_open_files));
  all.threads.Set(static_cast<double>(process.n_threads));
  all.start_time.Set(process.start_time_seconds);
  return prometheus::TextSerializer().Serialize(all.registry.Collect());
}

}  // namespace hearth::metrics
