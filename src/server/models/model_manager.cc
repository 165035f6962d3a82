#include "server/models/model_manager.h"

#include "server/models/model_probes.h"

namespace hearth::server {

ModelManager::ModelManager(const Executor& executor, ModelManagerOptions options)
    : catalog_(std::move(options.models)),
      pool_(executor, options.pool),
      probes_(std::make_unique<ModelProbes>(executor, options.pool.executable, options.pool.start)) {}

ModelManager::~ModelManager() = default;

std::vector<CatalogEntry> ModelManager::catalog() {
  return catalog_.entries();
}

Result<CatalogEntry> ModelManager::find(std::string_view name) {
  return catalog_.find(name);
}

std::vector<RunningModel> ModelManager::running() const {
  return pool_.running();
}

Task<Result<std::unique_ptr<EngineLease>>> ModelManager::acquire(std::string name, LoadWish wish) {
  auto entry = catalog_.find(name);
  if (!entry) co_return entry.error();
  co_return co_await pool_.acquire(std::move(*entry), wish);
}

Task<Result<protocol::Opened>> ModelManager::describe(std::string name) {
  auto entry = catalog_.find(name);
  if (!entry) co_return entry.error();
  if (const protocol::Opened* known = pool_.description(*entry)) co_return *known;
  co_return co_await probes_->describe(std::move(*entry));
}

Task<Result<protocol::Inspection>> ModelManager::inspect(std::string name, bool verbose) {
  auto entry = catalog_.find(name);
  if (!entry) co_return entry.error();
  co_return co_await probes_->inspect(std::move(*entry), verbose);
}

Result<bool> ModelManager::unload(std::string_view name) {
  const auto entry = catalog_.find(name);
  if (entry) return pool_.unload(entry->name);
  // What is loaded may have gone from the folder.
  const auto canonical = canonical_model_name(name);
  for (const RunningModel& model : pool_.running()) {
    if (canonical && canonical_model_name(model.entry.name).value_or("") == *canonical)
      return pool_.unload(model.entry.name);
  }
  return entry.error();
}

}  // namespace hearth::server
