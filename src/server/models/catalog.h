// The models that a folder holds, under the names that clients call them by.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/models/model_service.h"

namespace hearth::server {

// What a client's name stands for: "Tiny" and "library/tiny:latest" are "tiny:latest". kInvalidArgument for
// what is no name.
Result<std::string> canonical_model_name(std::string_view name);

// Finds every *.gguf file (of a split model its first part) and every sub-folder with a config.json.
// `tiny.gguf` is tiny:latest, `tiny:q4.gguf` tiny:q4; characters that no name has become '-'. Of two files of
// one name the first in the order of file names wins.
//
// Links among the folder's entries are followed, wherever they lead: whoever may write there has put them
// there. Links within a Hugging Face folder are held to safetensors::Folder's rule.
//
// Not thread-safe. The folder is looked through each time: names and sizes, no contents.
class Catalog {
 public:
  // A folder, or a single model.
  explicit Catalog(std::filesystem::path path) : path_(std::move(path)) {}

  // In the order of their names.
  std::vector<CatalogEntry> entries();
  // kNotFound: "model 'x' not found".
  Result<CatalogEntry> find(std::string_view name);
  // Of the last look: files that share a name, or have none.
  const std::vector<std::string>& warnings() const noexcept { return warnings_; }

 private:
  void scan();
  void add(const std::filesystem::path& path);

  const std::filesystem::path path_;
  std::map<std::string, CatalogEntry> by_key_;  // the name in lower case
  std::vector<std::string> warnings_;
};

}  // namespace hearth::server
