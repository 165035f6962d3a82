// A file that comes into being whole or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "base/result.h"
#include "base/unique_descriptor.h"

namespace hearth {

// Until finish(), what is written has a name of its own beside the wanted one (.NAME.DIGITS.part), and is
// gone with the object; only a process that is killed leaves it behind. Not thread-safe.
class OutputFile {
 public:
  enum class Existing { kRefuse, kReplace };

  // kInvalidArgument where the name is taken and `existing` says refuse, or by something that is no regular
  // file; kNotFound where its folder is missing; kIo.
  static Result<OutputFile> create(const std::filesystem::path& path, Existing existing);

  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  // Takes room for so many bytes, where the file system can; kResourceExhausted, with the number, where there
  // is not enough.
  Result<void> reserve(uint64_t size_bytes);
  // kResourceExhausted where the disk is full, kIo.
  Result<void> append(std::span<const std::byte> bytes);
  // Puts it on the disk and gives it its name, once. The errors of create() and append().
  Result<void> finish();

 private:
  OutputFile(std::filesystem::path path, std::filesystem::path temporary, UniqueDescriptor descriptor,
             Existing existing);

  std::filesystem::path path_;
  std::filesystem::path temporary_;  // empty: nothing to remove
  UniqueDescriptor descriptor_;
  Existing existing_;
};

}  // namespace hearth
