// What the APIs see of models: names, and engines that answer calls. Behind it stand the catalog, the engine
// processes and the memory budget; in tests, a fake.
//
// For the thread of the front.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "protocol/engine.pb.h"
#include "server/async/task.h"
#include "server/models/stored_model.h"

namespace hearth::server {

using Seconds = std::chrono::duration<double>;
using WallTime = std::chrono::system_clock::time_point;

// A model that could be loaded.
struct CatalogEntry {
  std::string name;    // "tiny:latest": as people and clients call it
  std::string path;    // of the file or folder; never told to clients
  std::string digest;  // 64 hex digits: of its manifest; of a file or folder, of path, size and time
  int64_t size_bytes = 0;
  WallTime modified_at;
  std::shared_ptr<const StoredModel> stored;  // of a model in the store; null: a file or a folder
};

// A model that is loaded.
struct RunningModel {
  CatalogEntry entry;
  protocol::Opened description;
  std::optional<WallTime> expires_at;  // nothing: never, or as long as it is in use
  int64_t n_requests = 0;              // that it answers now
};

// A model on its way.
struct LoadingModel {
  CatalogEntry entry;
  std::string stage;  // for people: "verifying", "reading weights", "waiting for memory"
  uint64_t completed_bytes = 0;
  uint64_t total_bytes = 0;                     // of this stage; 0: not known
  std::optional<protocol::Opened> description;  // once it was opened
  int64_t context_tokens = 0;                   // that were wished for; 0: the engine's default
  Seconds keep_alive{};                         // as LoadWish::keep_alive
};

// One call to an engine, as long as it lasts. Destroying it cancels it.
class EngineCall {
 public:
  virtual ~EngineCall() = default;
  // The next reply. Nothing after the call's last one. If the engine dies, a `failure` (UNAVAILABLE) is the
  // last.
  virtual Task<std::optional<protocol::Reply>> next() = 0;
  // Ends the call soon: next() gives what is still to come and then the end.
  virtual void cancel() = 0;
};

// A loaded model, held: it is not unloaded while this exists.
class EngineLease {
 public:
  virtual ~EngineLease() = default;
  virtual const CatalogEntry& entry() const = 0;
  virtual const protocol::Opened& description() const = 0;
  virtual Seconds load_duration() const = 0;  // 0: it was loaded already
  // `call`'s id is set by this.
  virtual std::unique_ptr<EngineCall> call(protocol::Call call) = 0;
};

// How a model should be loaded, and kept.
struct LoadWish {
  std::optional<int64_t> context_tokens;  // more than it has now: it is loaded again
  // How long after the last request it stays; negative: for ever; 0: not at all. Nothing: the server's
  // default.
  std::optional<Seconds> keep_alive;
};

// A model whose weights are to be of another type.
struct QuantizeWish {
  std::string scheme;  // "Q4_K_M"
  int output = -1;     // borrowed: an empty file, open for writing
  // Told how far it is; false ends it (kCancelled).
  std::function<Task<bool>(const protocol::Progress&)> on_progress;
};

class ModelService {
 public:
  virtual ~ModelService() = default;

  virtual std::vector<CatalogEntry> catalog() = 0;
  // By name as clients write it: any case, ":latest" may be left out. kNotFound: "model 'x' not found".
  virtual Result<CatalogEntry> find(std::string_view name) = 0;
  virtual std::vector<RunningModel> running() const = 0;
  virtual std::vector<LoadingModel> loading() const = 0;

  // Loads what is not loaded. kNotFound; kResourceExhausted, with the numbers, where memory does not suffice;
  // kUnavailable where too many wait already; whatever is wrong with the file.
  virtual Task<Result<std::unique_ptr<EngineLease>>> acquire(std::string name, LoadWish wish) = 0;
  // What opening the model tells, without loading it; kept for as long as the files do not change.
  virtual Task<Result<protocol::Opened>> describe(std::string name) = 0;
  virtual Task<Result<protocol::Inspection>> inspect(std::string name, bool verbose) = 0;
  // The same of an entry that the catalog need not have.
  virtual Task<Result<protocol::Opened>> describe_entry(CatalogEntry entry) = 0;
  // Writes the model of such an entry as a GGUF file in the types of a scheme: the name of the scheme. One at
  // a time. kInvalidArgument for a scheme that there is none of; what is wrong with the model.
  virtual Task<Result<std::string>> quantize(CatalogEntry entry, QuantizeWish wish) = 0;
  // What is known of a model without asking an engine; null where nothing is. Valid until the next call.
  virtual const protocol::Opened* known_description(const CatalogEntry& entry) const = 0;
  // Unloads it once its requests have ended. False: it was not loaded.
  virtual Result<bool> unload(std::string_view name) = 0;
};

}  // namespace hearth::server
