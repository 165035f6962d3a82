// Where the manifests of a store are, kept from one look to the next.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "store/file_stamp.h"
#include "store/store.h"

namespace hearth::store {

// Each look asks the file system of every folder whether it has changed, and lists those that have: other
// processes' changes are seen at the next look. Not thread-safe.
class ManifestIndex {
 public:
  explicit ManifestIndex(std::filesystem::path root) : root_(std::move(root)) {}

  // kIo where a folder cannot be listed, kResourceExhausted beyond 100,000 entries in one.
  Result<void> look();
  // As the last look found them, by ModelName::key(). Files whose path is no name are left out; of a name
  // in both layouts, the newer one's is meant.
  const std::map<std::string, ManifestFile>& by_key() const noexcept { return by_key_; }

 private:
  struct Folder {
    FileStamp stamp;
    bool is_settled = false;
    uint64_t seen_by = 0;            // the number of the last look
    std::vector<std::string> names;  // in order
  };

  Result<Folder*> list(const std::string& path);
  Result<void> visit(const std::string& path, std::vector<std::string>& parts,
                     std::vector<std::filesystem::path>* files);
  Result<void> collect(const std::filesystem::path& top, std::vector<ManifestFile>& files);

  std::filesystem::path root_;
  std::unordered_map<std::string, Folder> folders_;  // by path
  std::map<std::string, ManifestFile> by_key_;
  uint64_t n_looks_ = 0;
  bool has_changed_ = false;  // since by_key_ was made
};

}  // namespace hearth::store
