#include "server/models/model_manager.h"

#include "server/models/model_probes.h"

namespace hearth::server {

namespace {

// Any folder may become a store: the first model that is pulled or created makes it one.
std::unique_ptr<ModelStore> open_store(const Executor& executor, const std::filesystem::path& models) {
  std::error_code error;
  if (!std::filesystem::is_directory(models, error) || std::filesystem::exists(models / "config.json", error))
    return nullptr;
  auto store = store::Store::open(models);
  return store ? std::make_unique<ModelStore>(executor, std::move(*store)) : nullptr;
}

ModelPoolOptions with_check(ModelPoolOptions options, CheckModel check) {
  options.check = std::move(check);
  return options;
}

}  // namespace

ModelManager::ModelManager(const Executor& executor, ModelManagerOptions options)
    : store_(open_store(executor, options.models)),
      catalog_(std::move(options.models)),
      pool_(executor, with_check(options.pool,
                                 [this](CatalogEntry entry, OnBytesChecked on_bytes) {
                                   return check(std::move(entry), std::move(on_bytes));
                                 })),
      probes_(std::make_unique<ModelProbes>(executor, options.pool.executable, options.pool.start,
                                            options.pool.load_timeout)) {}

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

std::vector<LoadingModel> ModelManager::loading() const {
  return pool_.loading();
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

Task<Result<protocol::Opened>> ModelManager::describe_entry(CatalogEntry entry) {
  return probes_->describe(std::move(entry));
}

const protocol::Opened* ModelManager::known_description(const CatalogEntry& entry) const {
  const protocol::Opened* loaded = pool_.description(entry);
  return loaded != nullptr ? loaded : probes_->known(entry);
}

// A blob that was damaged on the disk must not answer as if it were the model.
Task<Result<void>> ModelManager::check(CatalogEntry entry, OnBytesChecked on_bytes) {
  if (!entry.stored || store_ == nullptr || !entry.stored->unusable.empty()) co_return Result<void>();
  const StoredModel::Files files = entry.stored->files();
  uint64_t total = 0;
  for (const StoredModel::Files::File& file : files.files) total += file.size_bytes;
  uint64_t before = 0;
  for (const StoredModel::Files::File& file : files.files) {
    std::function<void(uint64_t)> on_hashed = [on_bytes, before, total](uint64_t n_bytes) {
      on_bytes(before + n_bytes, total);
    };
    const Result<void> verified = co_await store_->ensure_verified(file.digest, std::move(on_hashed));
    if (!verified) co_return verified.error().in(fmt::format("model '{}'", entry.name));
    before += file.size_bytes;
  }
  co_return Result<void>();
}

Result<bool> ModelManager::unload(std::string_view name) {
  const auto entry = catalog_.find(name);
  if (entry) return pool_.unload(entry->name);
  // What is loaded may have gone from the folder.
  const auto wanted = store::ModelName::parse(name);
  for (const RunningModel& model : pool_.running()) {
    const auto running = store::ModelName::parse(model.entry.name);
    if (wanted && running && same_model(*wanted, *running)) return pool_.unload(model.entry.name);
  }
  return entry.error();
}

}  // namespace hearth::server
