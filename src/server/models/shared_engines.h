// The engine processes of a pool, and the memory that they were promised. Models that are computed from the
// same weights share one, whatever adapters are applied to them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "server/models/engine_process.h"
#include "server/models/memory_budget.h"

namespace hearth::server {

// One of them. It counts its users: models that are loaded, or on their way.
struct SharedEngine {
  struct Adapter {
    uint64_t size_bytes = 0;  // in memory; before it is loaded, at most
    bool has_memory = false;
    bool is_loaded = false;
    size_t n_users = 0;
  };

  // With what was promised to its adapters.
  protocol::Memory memory() const;
  // Whether a model with a context of so many tokens may use it; 0: any.
  bool suffices(int64_t context_tokens) const;

  std::string weights_id;  // ModelFiles::weights_id
  std::shared_ptr<EngineProcess> process;
  int64_t wished_context_tokens = 0;
  // Of the weights alone, once they are open.
  std::optional<protocol::Opened> description;
  bool has_memory = false;  // it was promised what `description` tells of
  bool is_started = false;
  size_t n_users = 0;
  std::map<std::string, Adapter> adapters;  // by their ids
};

// For the thread of the front, and owned by shared_ptr.
class SharedEngines : public std::enable_shared_from_this<SharedEngines> {
 public:
  // `memory_bytes`: ModelPoolOptions::memory_bytes. `on_change` is called when memory becomes free, and when
  // the last engine has ended.
  SharedEngines(std::function<uint64_t()> available_bytes, uint64_t memory_bytes,
                std::function<void()> on_change)
      : available_bytes_(std::move(available_bytes)),
        memory_bytes_(memory_bytes),
        on_change_(std::move(on_change)) {}

  // Null where there is none. It may not be started yet.
  std::shared_ptr<SharedEngine> find(const std::string& weights_id, int64_t context_tokens) const;
  // Takes in one that was started as a process, and has no user yet.
  std::shared_ptr<SharedEngine> add(std::string weights_id, int64_t context_tokens,
                                    std::shared_ptr<EngineProcess> process);
  // One user less, also of the adapter, unless its id is empty: what has none is unloaded, or ended.
  void leave(const std::shared_ptr<SharedEngine>& engine, const std::string& adapter_id);
  // It has ended by itself: nobody finds it any more.
  void forget(const SharedEngine& engine);

  // No engine is left, not even one that was told to end.
  bool is_empty() const noexcept { return engines_.empty() && ending_.empty(); }
  // Some were told to end and still have their memory.
  bool has_ending() const noexcept { return !ending_.empty(); }
  // That were promised memory and still have it.
  size_t n_with_memory() const;
  // Bytes that another engine, or another adapter, may take.
  uint64_t room() const;
  // The same if all but the weights of this one were gone; null: if all were.
  uint64_t room_beside(const SharedEngine* kept) const;

  // Asks all to end.
  void stop_all();

 private:
  struct Ending {
    std::shared_ptr<EngineProcess> process;
    protocol::Memory promised;
  };

  void end(const SharedEngine& engine);
  std::vector<MemoryClaim> claims() const;

  const std::function<uint64_t()> available_bytes_;
  const uint64_t memory_bytes_;
  const std::function<void()> on_change_;
  std::vector<std::shared_ptr<SharedEngine>> engines_;
  std::vector<Ending> ending_;
};

}  // namespace hearth::server
