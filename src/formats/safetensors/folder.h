// A folder as people get it from Hugging Face: files with fixed names, nothing executable.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_source.h"
#include "base/mapped_file.h"
#include "base/result.h"

namespace hearth::safetensors {

// Files are taken from within the folder only: names with a path in them are refused, and so is a symbolic
// link that leads out of it, except to where Hugging Face's cache keeps the files of a snapshot
// (.../snapshots/REVISION/NAME -> .../blobs/HASH).
class Folder {
 public:
  // kNotFound, kInvalidArgument where `path` is no folder.
  static Result<Folder> open(const std::filesystem::path& path) { return open(file_system(), path); }
  // `source` must outlive the folder.
  static Result<Folder> open(const FileSource& source, const std::filesystem::path& path);

  const std::filesystem::path& path() const noexcept { return path_; }
  // Whether there is an entry of that name.
  bool has(std::string_view name) const;
  // The names of all files, sorted.
  Result<std::vector<std::string>> names() const;

  // Where the file of that name really lies. kInvalidArgument for a name or a link that leads elsewhere,
  // kNotFound.
  Result<std::filesystem::path> resolve(std::string_view name) const;
  // The file mapped; kResourceExhausted where it is larger than `max_bytes`.
  Result<MappedFile> map(std::string_view name, uint64_t max_bytes) const;

 private:
  Folder(const FileSource& source, std::filesystem::path path, std::filesystem::path real)
      : source_(&source), path_(std::move(path)), real_(std::move(real)) {}

  const FileSource* source_;
  std::filesystem::path path_;  // as it was given
  std::filesystem::path real_;  // without symbolic links
};

}  // namespace hearth::safetensors
