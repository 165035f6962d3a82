// What ModelPool consists of: models that are loaded, loads under way, and the engines of both. Its work is
// in model_pool.cc (who gets a model, and how long it stays) and model_pool_loads.cc (how it comes to be
// loaded).
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/models/memory.h"
#include "server/models/model_pool.h"
#include "server/models/monitor.h"
#include "server/models/shared_engines.h"
#include "server/models/stall_guard.h"

namespace hearth::server {

namespace pool {

using SteadyTime = std::chrono::steady_clock::time_point;

inline SteadyTime now() {
  return std::chrono::steady_clock::now();
}

inline std::chrono::steady_clock::duration duration_of(Seconds seconds) {
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(seconds);
}

// A model that is loaded.
struct Loaded {
  CatalogEntry entry;
  std::shared_ptr<SharedEngine> engine;  // of which it is a user
  std::string adapter_id;                // in the engine; empty: none
  protocol::Opened description;
  Seconds load_duration{};
  Seconds keep_alive{};
  int64_t n_leases = 0;
  bool is_closing = false;  // no new leases; it ends with the last one
  std::optional<WallTime> expires_at;
  SteadyTime loaded_at;
  SteadyTime last_used;
  std::optional<boost::asio::steady_timer> expiry;
};

// A load under way, which those who want the model wait for. It goes on without them.
struct Load {
  // Gets further, or begins with something else.
  void reach(std::string stage, uint64_t completed_bytes, uint64_t total_bytes) {
    progress.stage = std::move(stage);
    progress.completed_bytes = completed_bytes;
    progress.total_bytes = total_bytes;
    if (guard) guard->touch();
  }

  LoadingModel progress;
  SteadyTime began;
  std::optional<StallGuard> guard;
  std::shared_ptr<SharedEngine> engine;  // of which it is a user, once it has one
  std::string adapter_id;                // of which too
  Seconds duration{};
  bool is_done = false;
  bool is_unwanted = false;  // unloaded while it was loading
  std::optional<Error> error;
};

struct Record {
  int n_deaths = 0;  // in a row
  SteadyTime not_before{};
};

// What a load waits for.
enum class Lack { kPlace, kMemory };

}  // namespace pool

class ModelPool::State : public std::enable_shared_from_this<State> {
 public:
  State(const Executor& executor, ModelPoolOptions options)
      : executor_(executor), options_(std::move(options)), monitor_(executor) {
    if (!options_.available_bytes) options_.available_bytes = available_memory_bytes;
    engines_ = std::make_shared<SharedEngines>(options_.available_bytes, options_.memory_bytes,
                                               [this] { monitor_.notify_all(); });
  }

  Task<Result<std::unique_ptr<EngineLease>>> acquire(CatalogEntry entry, LoadWish wish);
  void release(const std::shared_ptr<pool::Loaded>& loaded);
  bool unload(const std::string& name);
  std::vector<RunningModel> running() const;
  std::vector<LoadingModel> loading() const;
  const protocol::Opened* description(const CatalogEntry& entry) const;
  void close();
  bool is_empty() const { return loaded_.empty() && loads_.empty() && engines_->is_empty(); }
  Task<void> changed() { return monitor_.changed(); }

 private:
  bool suffices(const pool::Loaded& loaded, const CatalogEntry& entry, const LoadWish& wish) const;
  std::unique_ptr<EngineLease> lease(const std::shared_ptr<pool::Loaded>& loaded, const LoadWish& wish,
                                     Seconds load_duration);
  std::shared_ptr<pool::Load> begin_load(const CatalogEntry& entry, const LoadWish& wish);
  Task<void> run_load(std::shared_ptr<pool::Load> load);
  Task<Result<void>> find_engine_and_adapter(std::shared_ptr<pool::Load> load);
  Task<Result<void>> find_engine(std::shared_ptr<pool::Load> load, ModelFiles files);
  Task<Result<void>> start_engine(std::shared_ptr<pool::Load> load, ModelFiles files);
  Task<Result<void>> find_adapter(std::shared_ptr<pool::Load> load, AdapterFile file);
  Task<Result<void>> load_adapter(std::shared_ptr<pool::Load> load, AdapterFile file);
  Task<Result<void>> wait_for_another(std::shared_ptr<pool::Load> load, std::string stage);
  static Task<Result<protocol::Reply>> reply_of_load(const std::shared_ptr<pool::Load>& load,
                                                     EngineCall& call);
  Task<Result<void>> find_memory(std::shared_ptr<pool::Load> load, const protocol::Opened& opened);
  Task<Result<void>> find_adapter_memory(std::shared_ptr<pool::Load> load, uint64_t need);
  void finish_load(const std::shared_ptr<pool::Load>& load, const Result<void>& found);
  void give_up(const std::shared_ptr<pool::Load>& load);
  std::optional<Error> pause_of(const std::string& name) const;

  void close_when_idle(const std::shared_ptr<pool::Loaded>& loaded);
  void end(const std::shared_ptr<pool::Loaded>& loaded);
  void note_death(const std::string& name);
  void note_end(const SharedEngine& engine);
  void arm_expiry(const std::shared_ptr<pool::Loaded>& loaded);
  bool make_room(pool::Lack lack);
  std::vector<std::shared_ptr<pool::Loaded>> users_of(const SharedEngine& engine) const;

  const Executor executor_;
  ModelPoolOptions options_;
  Monitor monitor_;
  std::shared_ptr<SharedEngines> engines_;
  std::map<std::string, std::shared_ptr<pool::Loaded>> loaded_;  // by the entry's name
  std::map<std::string, std::shared_ptr<pool::Load>> loads_;
  std::map<std::string, pool::Record> records_;
  size_t n_waiting_ = 0;
  bool is_closed_ = false;
};

}  // namespace hearth::server
