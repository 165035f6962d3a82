// The models that are loaded: loads on demand, keeps for a while, makes room. Those of the same weights share
// an engine process.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "server/models/model_service.h"

namespace hearth::server {

// How many of how many bytes were looked at.
using OnBytesChecked = std::function<void(uint64_t completed, uint64_t total)>;
using CheckModel = std::function<Task<Result<void>>(CatalogEntry entry, OnBytesChecked on_bytes)>;

struct ModelPoolOptions {
  std::string executable = "/proc/self/exe";  // has the command engine-process
  protocol::StartOptions start;               // context_tokens: where no request wishes more
  Seconds keep_alive{300};                    // negative: for ever; 0: until the last request has ended
  size_t max_loaded = 3;                      // engines; 0: as many as memory allows
  uint64_t memory_bytes = 0;                  // for all models together; 0: what the machine has
  size_t max_waiting = 512;                   // requests that may wait for a load
  Seconds load_timeout{300};  // a load that gets no further for so long is given up; <= 0: none is
  // Called before a model's files are opened to be loaded; its error is the load's. May be absent.
  CheckModel check;
  std::function<uint64_t()> available_bytes;  // without: available_memory_bytes() (tests say their own)
};

// For the thread of the front. What waits in it must have left before it is destroyed, except loads.
class ModelPool {
 public:
  ModelPool(const Executor& executor, ModelPoolOptions options);
  ModelPool(const ModelPool&) = delete;
  ModelPool& operator=(const ModelPool&) = delete;
  ~ModelPool();

  // As ModelService::acquire, of an entry of the catalog. A model whose files have changed, or of which more
  // context is wished than it was loaded with, is loaded again once its requests have ended.
  Task<Result<std::unique_ptr<EngineLease>>> acquire(CatalogEntry entry, LoadWish wish);
  bool unload(const std::string& name);

  std::vector<RunningModel> running() const;
  std::vector<LoadingModel> loading() const;
  // Of a loaded model, if its files are still those.
  const protocol::Opened* description(const CatalogEntry& entry) const;

  // Nothing is loaded any more; engines are ended. Returns once all have.
  Task<void> shut_down();

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace hearth::server
