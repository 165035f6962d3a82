// What is asked of an engine process that lives for this alone: what a model is, and its weights in another
// type.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "base/result.h"
#include "server/models/engine_process.h"
#include "server/models/model_service.h"
#include "server/models/monitor.h"

namespace hearth::server {

// Remembers what it learned for as long as the files do not change. For the thread of the front; must outlive
// those who ask.
class ModelProbes {
 public:
  // load_timeout: ModelPoolOptions::load_timeout.
  ModelProbes(const Executor& executor, std::string executable, protocol::StartOptions options,
              Seconds load_timeout)
      : executor_(executor),
        executable_(std::move(executable)),
        options_(std::move(options)),
        load_timeout_(load_timeout),
        monitor_(executor) {}

  Task<Result<protocol::Opened>> describe(CatalogEntry entry);
  const protocol::Opened* known(const CatalogEntry& entry) const {
    const auto found = descriptions_.find(entry.digest);
    return found == descriptions_.end() ? nullptr : &found->second;
  }
  Task<Result<protocol::Inspection>> inspect(CatalogEntry entry, bool verbose);
  // ModelService::quantize.
  Task<Result<std::string>> quantize(CatalogEntry entry, QuantizeWish wish);

 private:
  using Answer = std::pair<protocol::Opened, protocol::Inspection>;

  Task<Result<protocol::Opened>> open(EngineProcess& process, std::string name,
                                      std::optional<AdapterFile> adapter);
  Task<Result<Answer>> probe(CatalogEntry entry, bool with_inspection, bool verbose);

  const Executor executor_;
  const std::string executable_;
  const protocol::StartOptions options_;
  const Seconds load_timeout_;
  Monitor monitor_;
  size_t n_running_ = 0;
  size_t n_quantizing_ = 0;
  std::map<std::string, protocol::Opened> descriptions_;  // by digest
};

}  // namespace hearth::server
