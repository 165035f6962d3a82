// Where the files of a model come from: the file system, or descriptors that a process was given instead of
// the right to open anything. What reads models asks this, and does not notice the difference.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "base/result.h"
#include "base/unique_descriptor.h"

namespace hearth {

// Thread-safe. Must outlive what keeps it: folders do, mapped files do not.
class FileSource {
 public:
  virtual ~FileSource() = default;

  virtual bool is_folder(const std::filesystem::path& path) const = 0;
  // Whether there is an entry of that name, whatever it is.
  virtual bool has(const std::filesystem::path& path) const = 0;
  // The names of the entries of a folder, sorted. kIo; kResourceExhausted for more than `most`.
  virtual Result<std::vector<std::string>> names(const std::filesystem::path& folder, size_t most) const = 0;
  // Where it really lies, symbolic links followed. kNotFound.
  virtual Result<std::filesystem::path> canonical(const std::filesystem::path& path) const = 0;
  // The errors of MappedFile::open.
  virtual Result<MappedFile> map(const std::filesystem::path& path) const = 0;

 protected:
  FileSource() = default;
  FileSource(const FileSource&) = default;
  FileSource(FileSource&&) = default;
  FileSource& operator=(const FileSource&) = default;
  FileSource& operator=(FileSource&&) = default;
};

// What the operating system has under a path.
const FileSource& file_system();

// Files that were opened by somebody else. A path is a mere name here: "tiny.gguf", "qwen/config.json"; a
// folder is what such names begin with, and there are no links.
class InheritedFiles final : public FileSource {
 public:
  // Takes the descriptor over. kInvalidArgument for one that is no regular file, for an empty name and for a
  // name that is there already.
  Result<void> add(const std::filesystem::path& path, UniqueDescriptor descriptor);

  bool is_folder(const std::filesystem::path& path) const override;
  bool has(const std::filesystem::path& path) const override;
  Result<std::vector<std::string>> names(const std::filesystem::path& folder, size_t most) const override;
  Result<std::filesystem::path> canonical(const std::filesystem::path& path) const override;
  Result<MappedFile> map(const std::filesystem::path& path) const override;

 private:
  std::map<std::filesystem::path, UniqueDescriptor> files_;  // by normal path
};

}  // namespace hearth
