#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/unique_descriptor.h"

namespace hearth {
namespace {

Error system_error(const std::filesystem::path& path, const char* action, int error) {
  const ErrorCode code = error == ENOENT || error == ENOTDIR ? ErrorCode::kNotFound : ErrorCode::kIo;
  return make_error(code, "{}: cannot {}: {}", path.string(), action, std::strerror(error));
}

}  // namespace

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  // O_NONBLOCK: opening a named pipe must fail below, not wait for its writer.
  const UniqueDescriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!descriptor) return system_error(path, "open", errno);
  return of_descriptor(descriptor.get(), path);
}

Result<size_t> MappedFile::check_descriptor(int descriptor, const std::filesystem::path& path) {
  struct stat status {};
  // The call itself: the C library's fstat() makes one that takes paths too, which sealed processes do not
  // have.
  if (::syscall(SYS_fstat, descriptor, &status) != 0) return system_error(path, "stat", errno);
  if (!S_ISREG(status.st_mode)) {
    return make_error(ErrorCode::kInvalidArgument, "{}: expected a regular file, found {}", path.string(),
                      S_ISDIR(status.st_mode) ? "a folder" : "a device, pipe or socket");
  }
  return static_cast<size_t>(status.st_size);
}

Result<MappedFile> MappedFile::of_descriptor(int descriptor, const std::filesystem::path& path) {
  HEARTH_ASSIGN(const size_t size_bytes, check_descriptor(descriptor, path));
  if (size_bytes == 0) return MappedFile(path, nullptr, 0);

  void* address = ::mmap(nullptr, size_bytes, PROT_READ, MAP_SHARED, descriptor, 0);
  if (address == MAP_FAILED) return system_error(path, "map", errno);
  return MappedFile(path, static_cast<const std::byte*>(address), size_bytes);
}

void MappedFile::release(std::span<const std::byte> bytes) noexcept {
  // Whole pages only: the others hold something else too.
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto first = reinterpret_cast<uintptr_t>(bytes.data());
  const uintptr_t begin = (first + page - 1) / page * page;
  const uintptr_t end = (first + bytes.size()) / page * page;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_bytes_(std::exchange(other.size_bytes_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_bytes_, other.size_bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  // munmap wants a mutable pointer though the mapping is read-only.
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_bytes_);
}

}  // namespace hearth
