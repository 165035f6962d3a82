// The weights of a folder: one safetensors file, or several with an index of which tensor is where.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/safetensors/folder.h"
#include "formats/safetensors/safetensors.h"

namespace hearth::safetensors {

// What model.safetensors.index.json says: in which file each tensor stands. kMalformed, kResourceExhausted.
Result<std::map<std::string, std::string>> parse_index(std::string_view text);

// Immutable, so thread-safe.
class Shards {
 public:
  // model.safetensors; else the files of model.safetensors.index.json, which must hold the tensors that it
  // says and no others; else the only *.safetensors file of the folder. Pickled weights (*.bin, *.pt, *.pth,
  // *.pkl, *.ckpt) are kUnsupported: reading one runs whatever program it holds.
  static Result<Shards> open(const Folder& folder);

  std::span<const File> files() const noexcept { return files_; }
  // Of all files.
  std::span<const TensorInfo* const> tensors() const noexcept { return tensors_; }
  const TensorInfo* find_tensor(std::string_view name) const noexcept;

 private:
  Shards() = default;
  Result<void> add(const Folder& folder, const std::string& name);
  Result<void> check_index(const std::map<std::string, std::string>& index) const;

  std::vector<File> files_;
  std::vector<const TensorInfo*> tensors_;
  std::map<std::string_view, std::pair<const TensorInfo*, size_t>> by_name_;  // and in which file
};

}  // namespace hearth::safetensors
