#include "store/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/write_all.h"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kFileMode = 0644;  // as Ollama's: its server may be another user's
constexpr mode_t kFolderMode = 0755;

bool is_no_lock_here(int number) {
  return number == ENOLCK || number == EOPNOTSUPP || number == ENOSYS || number == EINVAL;
}

Result<void> lock_descriptor(int descriptor, int lock, Wait wait, const fs::path& path) {
  while (::flock(descriptor, lock | (wait == Wait::kNo ? LOCK_NB : 0)) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK) {
      return make_error(ErrorCode::kUnavailable, "{}: another process or request is writing it",
                        path.string());
    }
    // Some network file systems have no locks. Reading is safe without: it is only not seen by others.
    if (lock == LOCK_SH && is_no_lock_here(errno)) return {};
    return system_error(path, "cannot be locked", errno);
  }
  return {};
}

bool has_the_name(int descriptor, const fs::path& path) {
  struct stat open {};
  struct stat named {};
  return ::fstat(descriptor, &open) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

// 16 hexadecimal digits that nobody else has.
std::string random_name() {
  std::array<uint8_t, 8> bytes{};
  HEARTH_CHECK(::getrandom(bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  std::string name;
  for (const uint8_t byte : bytes) name += fmt::format("{:02x}", byte);
  return name;
}

std::string verified_line(const struct stat& info) {
  const auto ns = [](const timespec& t) { return fmt::format("{}.{:09}", t.tv_sec, t.tv_nsec); };
  return fmt::format("1 {} {} {} {}\n", info.st_size, ns(info.st_mtim), ns(info.st_ctim), info.st_ino);
}

}  // namespace

Error system_error(const fs::path& path, std::string_view doing, int number) {
  if (number == ENOSPC || number == EDQUOT) {
    return make_error(ErrorCode::kResourceExhausted, "{}: {}: the disk is full", path.string(), doing);
  }
  return make_error(number == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo, "{}: {}: {}", path.string(),
                    doing, std::strerror(number));
}

Result<void> sync_folder(const fs::path& folder) {
  const UniqueDescriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!descriptor) return system_error(folder, "cannot be opened", errno);
  // Some file systems cannot do this to a folder, and need it not.
  if (::fsync(descriptor.get()) != 0 && errno != EINVAL)
    return system_error(folder, "cannot be synced", errno);
  return {};
}

Result<void> make_folder(const fs::path& folder) {
  struct stat info {};
  if (::stat(folder.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) return {};
    return make_error(ErrorCode::kIo, "{}: expected a folder", folder.string());
  }
  if (folder.has_relative_path() && folder.has_parent_path()) HEARTH_TRY(make_folder(folder.parent_path()));
  if (::mkdir(folder.c_str(), kFolderMode) != 0 && errno != EEXIST) {
    return system_error(folder, "cannot be made", errno);
  }
  return sync_folder(folder.parent_path());
}

Result<void> write_all(int descriptor, std::span<const std::byte> bytes, const fs::path& path) {
  const int number = hearth::write_all(descriptor, bytes);
  if (number != 0) return system_error(path, "cannot be written", number);
  return {};
}

Result<void> write_all_at(int descriptor, uint64_t offset, std::span<const std::byte> bytes,
                          const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(path, "cannot be written", errno);
    bytes = bytes.subspan(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return {};
}

Result<std::string> read_small_file(const fs::path& path, size_t max_bytes) {
  const UniqueDescriptor file(
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (!file) return system_error(path, "cannot be opened", errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return system_error(path, "cannot be read", errno);
  if (!S_ISREG(info.st_mode)) return make_error(ErrorCode::kIo, "{}: expected a regular file", path.string());
  if (info.st_size > static_cast<off_t>(max_bytes)) {
    return make_error(ErrorCode::kResourceExhausted, "{}: expected at most {} bytes, found {}", path.string(),
                      max_bytes, info.st_size);
  }
  std::string bytes(static_cast<size_t>(info.st_size), '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::read(file.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(path, "cannot be read", errno);
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  bytes.resize(done);
  return bytes;
}

Result<void> check_room(const fs::path& folder, uint64_t wanted_bytes) {
  struct statvfs info {};
  if (::statvfs(folder.c_str(), &info) != 0) return system_error(folder, "cannot be looked at", errno);
  const uint64_t free_bytes = uint64_t{info.f_bavail} * info.f_frsize;
  if (wanted_bytes <= free_bytes) return {};
  return make_error(ErrorCode::kResourceExhausted,
                    "{}: expected room for {} bytes that are still to come, found {} free", folder.string(),
                    wanted_bytes, free_bytes);
}

Result<UniqueDescriptor> open_locked(const fs::path& path, int flags, int lock, Wait wait) {
  for (;;) {
    UniqueDescriptor descriptor(
        ::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, kFileMode));
    if (!descriptor) return system_error(path, "cannot be opened", errno);
    struct stat info {};
    if (::fstat(descriptor.get(), &info) != 0) return system_error(path, "cannot be read", errno);
    if (!S_ISREG(info.st_mode))
      return make_error(ErrorCode::kIo, "{}: expected a regular file", path.string());
    HEARTH_TRY(lock_descriptor(descriptor.get(), lock, wait, path));
    // Somebody may have removed or replaced it between the two.
    if (has_the_name(descriptor.get(), path)) return descriptor;
  }
}

Result<IncomingFile> new_incoming_file(const Places& places) {
  HEARTH_TRY(make_folder(places.incoming()));
  IncomingFile file{places.incoming() / random_name(), {}};
  HEARTH_ASSIGN(file.descriptor, open_locked(file.path, O_RDWR | O_CREAT, LOCK_EX, Wait::kYes));
  return file;
}

Result<void> replace_file(const Places& places, const fs::path& path, std::string_view bytes,
                          Durability durability) {
  HEARTH_TRY(make_folder(path.parent_path()));
  HEARTH_ASSIGN(const IncomingFile file, new_incoming_file(places));
  const auto write = [&]() -> Result<void> {
    HEARTH_TRY(write_all(file.descriptor.get(), bytes_of(bytes), file.path));
    if (durability == Durability::kOnDisk && ::fsync(file.descriptor.get()) != 0)
      return system_error(file.path, "cannot be synced", errno);
    if (::rename(file.path.c_str(), path.c_str()) != 0)
      return system_error(path, "cannot be replaced", errno);
    return {};
  };
  if (auto written = write(); !written) {
    ::unlink(file.path.c_str());
    return written;
  }
  if (durability == Durability::kMayBeLost) return {};
  return sync_folder(path.parent_path());
}

Result<UniqueDescriptor> lock_store(const Places& places) {
  HEARTH_TRY(make_folder(places.lock().parent_path()));
  return open_locked(places.lock(), O_RDWR | O_CREAT, LOCK_EX, Wait::kYes);
}

Result<void> install_blob(const Places& places, const fs::path& from, UniqueDescriptor& descriptor,
                          const Digest& digest) {
  const fs::path to = places.blob(digest);
  HEARTH_TRY(make_folder(places.blobs()));
  // Now is when it becomes young, for those who collect what nobody names.
  if (::fchmod(descriptor.get(), kFileMode) != 0) return system_error(from, "cannot be made readable", errno);
  if (::futimens(descriptor.get(), nullptr) != 0) return system_error(from, "cannot be dated", errno);
  if (::fsync(descriptor.get()) != 0) return system_error(from, "cannot be synced", errno);

  HEARTH_ASSIGN(const UniqueDescriptor lock, lock_store(places));
  struct stat info {};
  if (::lstat(to.c_str(), &info) == 0 && is_remembered_verified(places, digest, info)) {
    // Others may hold this one: replaced, it would no longer be seen that it is in use.
    HEARTH_ASSIGN(UniqueDescriptor there, open_locked(to, O_RDONLY, LOCK_SH, Wait::kYes));
    if (::unlink(from.c_str()) != 0) return system_error(from, "cannot be removed", errno);
    descriptor = std::move(there);
    return {};
  }
  if (::rename(from.c_str(), to.c_str()) != 0) return system_error(to, "cannot be put in place", errno);
  HEARTH_TRY(sync_folder(places.blobs()));
  HEARTH_TRY(lock_descriptor(descriptor.get(), LOCK_SH, Wait::kYes, to));
  remember_verified(places, digest, descriptor.get());
  return {};
}

BlobFile blob_file(const Places& places, const Digest& digest) {
  constexpr size_t kMaxTargetBytes = 4096;
  BlobFile plain{places.blob(digest), false};
  struct stat info {};
  if (::lstat(plain.path.c_str(), &info) != 0 || !S_ISLNK(info.st_mode)) return plain;
  std::error_code error;
  const fs::path target = fs::read_symlink(plain.path, error);
  const auto known = read_small_file(places.references() / digest.file_name(), kMaxTargetBytes);
  if (error || !known || *known != target.string()) return plain;
  return {target, true};
}

Result<void> write_reference(const Places& places, const Digest& digest, const fs::path& target) {
  return replace_file(places, places.references() / digest.file_name(), target.string(), Durability::kOnDisk);
}

void remember_verified(const Places& places, const Digest& digest, int descriptor) {
  struct stat info {};
  if (::fstat(descriptor, &info) != 0 || is_remembered_verified(places, digest, info)) return;
  // Where this cannot be written, the blob is read once more.
  (void)replace_file(places, places.verified() / digest.file_name(), verified_line(info),
                     Durability::kMayBeLost)
      .has_value();
}

bool is_remembered_verified(const Places& places, const Digest& digest, const struct stat& info) {
  const auto line = read_small_file(places.verified() / digest.file_name(), 1024);
  return line && *line == verified_line(info);
}

}  // namespace hearth::store
