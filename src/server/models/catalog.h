// The models that a folder holds, in its store and as files, under the names that clients call them by.
#pragma once

#include <deque>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "server/models/model_service.h"
#include "store/file_stamp.h"
#include "store/manifest_index.h"

namespace hearth::server {

// Finds what the store knows (store/store.h), and beside it every *.gguf file (of a split model its first
// part) and every sub-folder with a config.json. `tiny.gguf` is tiny:latest, `tiny:q4.gguf` tiny:q4;
// characters that no name has become '-'. Of two files of one name the first in the order of file names wins,
// and what is in the store before both.
//
// Links among the folder's entries are followed, wherever they lead: whoever may write there has put them
// there. Links within a Hugging Face folder are held to safetensors::Folder's rule.
//
// Not thread-safe. The folder is looked at each time: names and sizes, no contents. Of the store, folders are
// listed and manifests read again when they have changed; what other processes do is seen at the next call.
class Catalog {
 public:
  // A folder, or a single model.
  explicit Catalog(std::filesystem::path path) : path_(std::move(path)), index_(path_) {}

  // In the order of their names.
  std::vector<CatalogEntry> entries();
  // kNotFound: "model 'x' not found".
  Result<CatalogEntry> find(std::string_view name);
  // Of the last look at all of them: files that share a name, or have none.
  const std::vector<std::string>& warnings() const noexcept { return warnings_; }

 private:
  struct Remembered {
    store::FileStamp stamp;   // of the manifest's file
    bool is_settled = false;  // it could not change without changing its stamp
    uint64_t seen_by = 0;     // the number of the last look
    CatalogEntry entry;
  };

  bool is_one_model() const;
  void scan();
  void scan_store();
  // Null where it cannot be read: then a warning says so.
  const CatalogEntry* read_stored(const store::Store& store, const store::ManifestFile& file);
  void add(const std::filesystem::path& path);

  const std::filesystem::path path_;
  store::ManifestIndex index_;
  std::unordered_map<std::string, Remembered> stored_;  // by the path of the manifest
  std::deque<CatalogEntry> files_;                      // beside the store, as the last look found them
  // Of both, by store::ModelName::key(): thousands of them are not copied for each look.
  std::map<std::string, const CatalogEntry*> by_key_;
  uint64_t n_looks_ = 0;
  std::vector<std::string> warnings_;
};

}  // namespace hearth::server
