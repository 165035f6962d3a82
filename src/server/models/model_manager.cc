#include "server/models/model_manager.h"

#include <sys/stat.h>

#include <optional>

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

// As it is now, behind links.
std::optional<store::FileStamp> blob_stamp(const store::Store& store, const store::Digest& digest) {
  struct stat info {};
  if (::stat(store.blob_path(digest).c_str(), &info) != 0) return std::nullopt;
  return store::FileStamp::of(info);
}

ModelPoolOptions with_check(ModelPoolOptions options, CheckModel check) {
  options.check = std::move(check);
  return options;
}

}  // namespace

ModelManager::ModelManager(const Executor& executor, ModelManagerOptions options)
    : trusted_keys_(std::move(options.trusted_keys)),
      store_(open_store(executor, options.models)),
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
  if (auto is_signed = check_signed(*entry); !is_signed) co_return is_signed.error();
  co_return co_await probes_->describe(std::move(*entry));
}

Task<Result<protocol::Inspection>> ModelManager::inspect(std::string name, bool verbose) {
  auto entry = catalog_.find(name);
  if (!entry) co_return entry.error();
  if (auto is_signed = check_signed(*entry); !is_signed) co_return is_signed.error();
  co_return co_await probes_->inspect(std::move(*entry), verbose);
}

Task<Result<protocol::Opened>> ModelManager::describe_entry(CatalogEntry entry) {
  return probes_->describe(std::move(entry));
}

Task<Result<std::string>> ModelManager::quantize(CatalogEntry entry, QuantizeWish wish) {
  return probes_->quantize(std::move(entry), std::move(wish));
}

const protocol::Opened* ModelManager::known_description(const CatalogEntry& entry) const {
  const protocol::Opened* loaded = pool_.description(entry);
  return loaded != nullptr ? loaded : probes_->known(entry);
}

Result<void> ModelManager::check_signed(const CatalogEntry& entry) const {
  if (trusted_keys_.empty()) return {};
  if (!entry.stored) {
    return make_error(
        ErrorCode::kUnsupported,
        "model '{}' is a file beside the store, which cannot be signed, and this server loads signed "
        "models alone (--verify-key)",
        entry.name);
  }
  const store::StoredManifest& manifest = entry.stored->manifest;
  const auto by = store::check_signed(entry.stored->store, manifest.name, manifest.digest, trusted_keys_);
  if (by) return {};
  return by.error();
}

// Who can write the store can also write there that a blob was found right: where models must be signed, each
// server reads a blob itself, and again when the file has changed.
Task<Result<void>> ModelManager::check_blob(store::Digest digest, std::function<void(uint64_t)> on_hashed) {
  const bool must_read = !trusted_keys_.empty();
  if (!must_read) co_return co_await store_->ensure_verified(digest, std::move(on_hashed));
  const std::optional<store::FileStamp> stamp = blob_stamp(store_->store(), digest);
  const auto known = hashed_.find(digest);
  if (stamp && known != hashed_.end() && known->second == *stamp) co_return Result<void>();
  Result<void> verified = co_await store_->verify(digest, std::move(on_hashed));
  if (verified && stamp) hashed_.insert_or_assign(digest, *stamp);
  co_return verified;
}

// A blob that was damaged on the disk must not answer as if it were the model.
Task<Result<void>> ModelManager::check(CatalogEntry entry, OnBytesChecked on_bytes) {
  if (auto is_signed = check_signed(entry); !is_signed) co_return is_signed.error();
  if (!entry.stored || store_ == nullptr || !entry.stored->unusable.empty()) co_return Result<void>();
  StoredModel::Files stored = entry.stored->files();
  std::vector<StoredModel::Files::File> files = std::move(stored.files);
  if (stored.adapter) files.push_back(*stored.adapter);
  uint64_t total = 0;
  for (const StoredModel::Files::File& file : files) total += file.size_bytes;
  uint64_t before = 0;
  for (const StoredModel::Files::File& file : files) {
    std::function<void(uint64_t)> on_hashed = [on_bytes, before, total](uint64_t n_bytes) {
      on_bytes(before + n_bytes, total);
    };
    const Result<void> verified = co_await check_blob(file.digest, std::move(on_hashed));
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
