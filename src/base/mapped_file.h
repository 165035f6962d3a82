// A file mapped read-only into memory.
//
// Weights are computed from in place, so a model costs no memory beyond the page cache. A file that another
// process truncates while it is mapped raises SIGBUS on access, as with any mapping; Hearth's own store never
// truncates.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include "base/result.h"

namespace hearth {

// Immutable after open(), so reading is thread-safe. Movable: the mapped address does not change with a move.
class MappedFile {
 public:
  // Regular files only: a directory, device or pipe is kInvalidArgument, a missing file kNotFound, and
  // whatever the operating system refuses kIo. An empty file maps to an empty span.
  static Result<MappedFile> open(const std::filesystem::path& path);
  // The same of a file that is open for reading. `path` is what errors call it; the descriptor stays the
  // caller's, who may close it.
  static Result<MappedFile> of_descriptor(int descriptor, const std::filesystem::path& path);
  // Whether it is one that can be mapped, and its size in bytes.
  static Result<size_t> check_descriptor(int descriptor, const std::filesystem::path& path);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  // Tells the system that these bytes of a mapping will not be read soon: their pages need not stay in this
  // process. They are there again when they are read.
  static void release(std::span<const std::byte> bytes) noexcept;

  std::span<const std::byte> bytes() const noexcept { return {data_, size_bytes_}; }
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  MappedFile(std::filesystem::path path, const std::byte* data, size_t size_bytes)
      : path_(std::move(path)), data_(data), size_bytes_(size_bytes) {}

  std::filesystem::path path_;
  const std::byte* data_ = nullptr;
  size_t size_bytes_ = 0;
};

}  // namespace hearth
