// The models of a server: a folder of them, and engine processes for those that are loaded.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "server/models/catalog.h"
#include "server/models/model_pool.h"
#include "server/models/model_service.h"
#include "server/models/model_store.h"
#include "store/file_stamp.h"
#include "store/signature.h"

namespace hearth::server {

struct ModelManagerOptions {
  std::filesystem::path models;  // a folder (Catalog), which may be a store, or a single model
  ModelPoolOptions pool;
  // Not empty: only models of the store are loaded that one of these signed, as they stand there.
  std::vector<store::PublicKey> trusted_keys;
};

class ModelManager final : public ModelService {
 public:
  ModelManager(const Executor& executor, ModelManagerOptions options);
  ~ModelManager()
      override;  // shut_down() should have been awaited: engines that still run are killed otherwise

  std::vector<CatalogEntry> catalog() override;
  Result<CatalogEntry> find(std::string_view name) override;
  std::vector<RunningModel> running() const override;
  std::vector<LoadingModel> loading() const override;
  Task<Result<std::unique_ptr<EngineLease>>> acquire(std::string name, LoadWish wish) override;
  Task<Result<protocol::Opened>> describe(std::string name) override;
  Task<Result<protocol::Inspection>> inspect(std::string name, bool verbose) override;
  Task<Result<protocol::Opened>> describe_entry(CatalogEntry entry) override;
  Task<Result<std::string>> quantize(CatalogEntry entry, QuantizeWish wish) override;
  const protocol::Opened* known_description(const CatalogEntry& entry) const override;
  Result<bool> unload(std::string_view name) override;

  // Of the models' folder; null where there is a single model and no folder.
  ModelStore* store() noexcept { return store_.get(); }

  // What people should know of the folder; of the last look at it.
  const std::vector<std::string>& warnings() const noexcept { return catalog_.warnings(); }
  // Ends all engines; nothing is loaded any more.
  Task<void> shut_down() { return pool_.shut_down(); }

 private:
  Task<Result<void>> check(CatalogEntry entry, OnBytesChecked on_bytes);
  Task<Result<void>> check_blob(store::Digest digest, std::function<void(uint64_t)> on_hashed);
  Result<void> check_signed(const CatalogEntry& entry) const;

  const std::vector<store::PublicKey> trusted_keys_;
  // With trusted keys: the blobs that this process has read, as they were then.
  std::map<store::Digest, store::FileStamp> hashed_;
  std::unique_ptr<ModelStore> store_;
  Catalog catalog_;
  ModelPool pool_;
  std::unique_ptr<class ModelProbes> probes_;
};

}  // namespace hearth::server
