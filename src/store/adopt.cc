#include "store/adopt.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>

#include "store/files.h"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;

struct SourceFile {
  fs::path path;  // without links in it
  UniqueDescriptor descriptor;
  struct stat info {};
  Digest digest;
};

bool is_same_content(const struct stat& a, const struct stat& b) {
  return a.st_ino == b.st_ino && a.st_dev == b.st_dev && a.st_size == b.st_size &&
         a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

// That what was hashed is what was linked or cloned since.
Result<void> check_unchanged(const SourceFile& source) {
  struct stat now {};
  if (::fstat(source.descriptor.get(), &now) != 0) return system_error(source.path, "cannot be read", errno);
  if (is_same_content(now, source.info)) return {};
  return make_error(ErrorCode::kUnavailable,
                    "{}: it was changed while it was read; try again when it is whole", source.path.string());
}

Result<SourceFile> open_source(const fs::path& file, const Progress& progress) {
  std::error_code error;
  SourceFile source;
  source.path = fs::canonical(file, error);
  if (error) return system_error(file, "cannot be opened", error.value());
  source.descriptor =
      UniqueDescriptor(::open(source.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!source.descriptor) return system_error(source.path, "cannot be opened", errno);
  if (::fstat(source.descriptor.get(), &source.info) != 0)
    return system_error(source.path, "cannot be read", errno);
  if (!S_ISREG(source.info.st_mode) || source.info.st_size == 0) {
    return make_error(ErrorCode::kInvalidArgument, "{}: expected a regular file that is not empty",
                      source.path.string());
  }
  const auto size_bytes = static_cast<uint64_t>(source.info.st_size);
  if (size_bytes > kMaxBlobBytes) {
    return make_error(ErrorCode::kResourceExhausted, "{}: expected at most {} bytes, found {}",
                      source.path.string(), kMaxBlobBytes, size_bytes);
  }
  auto digest = hash_file(source.descriptor.get(), size_bytes, progress);
  if (!digest) return digest.error().in(source.path.string());
  source.digest = *digest;
  HEARTH_TRY(check_unchanged(source));
  return source;
}

// A name among the incoming files that nobody has.
Result<fs::path> free_incoming_name(const Places& places) {
  HEARTH_ASSIGN(const IncomingFile file, new_incoming_file(places));
  ::unlink(file.path.c_str());
  return file.path;
}

// Each of the following: nothing where it cannot be done here.
using Placed = Result<std::optional<UniqueDescriptor>>;

Placed place_reflink(const Places& places, const SourceFile& source) {
  HEARTH_ASSIGN(IncomingFile file, new_incoming_file(places));
  if (::ioctl(file.descriptor.get(), FICLONE, source.descriptor.get()) != 0) {
    ::unlink(file.path.c_str());
    return std::optional<UniqueDescriptor>();
  }
  auto installed = check_unchanged(source);
  if (installed) installed = install_blob(places, file.path, file.descriptor, source.digest);
  if (!installed) {
    ::unlink(file.path.c_str());
    return installed.error();
  }
  return std::optional(std::move(file.descriptor));
}

// Gives what was made under an incoming name the blob's, and holds it for who collects what nobody names.
Placed install_link(const Places& places, const fs::path& from, const SourceFile& source) {
  const fs::path to = places.blob(source.digest);
  HEARTH_TRY(check_unchanged(source));
  if (::rename(from.c_str(), to.c_str()) != 0) return system_error(to, "cannot be put in place", errno);
  // Of two names of one file the rename leaves both.
  ::unlink(from.c_str());
  HEARTH_TRY(sync_folder(places.blobs()));
  UniqueDescriptor held(::fcntl(source.descriptor.get(), F_DUPFD_CLOEXEC, 0));
  if (!held) return system_error(source.path, "cannot be held open", errno);
  // Where there are no locks, it is not seen that it is in use.
  (void)::flock(held.get(), LOCK_SH);
  remember_verified(places, source.digest, held.get());
  return std::optional(std::move(held));
}

Placed place_hard_link(const Places& places, const SourceFile& source) {
  HEARTH_TRY(make_folder(places.blobs()));
  HEARTH_ASSIGN(const fs::path name, free_incoming_name(places));
  HEARTH_ASSIGN(const UniqueDescriptor lock, lock_store(places));
  // Another file system, too many links, or a file that its owner keeps from being linked.
  if (::link(source.path.c_str(), name.c_str()) != 0) return std::optional<UniqueDescriptor>();
  struct stat linked {};
  const bool is_it = ::lstat(name.c_str(), &linked) == 0 && is_same_content(linked, source.info);
  auto placed = is_it ? install_link(places, name, source)
                      : Placed(make_error(ErrorCode::kUnavailable, "{}: it was replaced while it was read",
                                          source.path.string()));
  if (!placed) ::unlink(name.c_str());
  return placed;
}

Placed place_reference(const Places& places, const SourceFile& source) {
  HEARTH_TRY(make_folder(places.blobs()));
  HEARTH_ASSIGN(const fs::path name, free_incoming_name(places));
  HEARTH_ASSIGN(const UniqueDescriptor lock, lock_store(places));
  HEARTH_TRY(write_reference(places, source.digest, source.path));
  if (::symlink(source.path.c_str(), name.c_str()) != 0)
    return system_error(name, "cannot be made a link", errno);
  auto placed = install_link(places, name, source);
  if (!placed) ::unlink(name.c_str());
  return placed;
}

Placed place_copy(const Store& store, const SourceFile& source, const Progress& progress) {
  constexpr size_t kPartBytes = size_t{1} << 20U;
  HEARTH_ASSIGN(BlobWriter writer, store.new_blob());
  std::vector<std::byte> part(kPartBytes);
  for (;;) {
    const ssize_t n =
        ::pread(source.descriptor.get(), part.data(), part.size(), static_cast<off_t>(writer.size_bytes()));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(source.path, "cannot be read", errno);
    if (n == 0) break;
    HEARTH_TRY(writer.append(std::span(part).first(static_cast<size_t>(n))));
    if (progress && !progress(writer.size_bytes())) return Error(ErrorCode::kCancelled, "interrupted");
  }
  HEARTH_TRY(writer.finish(source.digest));
  HEARTH_ASSIGN(UniqueDescriptor held, store.open_blob(source.digest));
  return std::optional(std::move(held));
}

Placed place(const Store& store, Placement way, const SourceFile& source, const Progress& progress) {
  const Places places{store.root()};
  switch (way) {
    case Placement::kReflink:
      return place_reflink(places, source);
    case Placement::kHardLink:
      return place_hard_link(places, source);
    case Placement::kReference:
      return place_reference(places, source);
    case Placement::kCopy:
      return place_copy(store, source, progress);
    case Placement::kWasThere:
      break;
  }
  return std::optional<UniqueDescriptor>();
}

}  // namespace

std::string_view placement_name(Placement placement) noexcept {
  switch (placement) {
    case Placement::kWasThere:
      return "already there";
    case Placement::kReflink:
      return "reflink";
    case Placement::kHardLink:
      return "hard link";
    case Placement::kReference:
      return "reference";
    case Placement::kCopy:
      return "copy";
  }
  return "";
}

Result<AdoptedBlob> adopt_file(const Store& store, const fs::path& file, const std::vector<Placement>& ways,
                               const Progress& progress) {
  HEARTH_ASSIGN(const SourceFile source, open_source(file, progress));
  AdoptedBlob blob;
  blob.digest = source.digest;
  blob.size_bytes = static_cast<uint64_t>(source.info.st_size);
  if (store.has_blob(source.digest) && store.ensure_verified(source.digest, progress)) {
    HEARTH_ASSIGN(blob.held, store.open_blob(source.digest));
    return blob;
  }
  for (const Placement way : ways) {
    HEARTH_ASSIGN(std::optional<UniqueDescriptor> held, place(store, way, source, progress));
    if (!held) continue;
    blob.placement = way;
    blob.held = std::move(*held);
    return blob;
  }
  return make_error(ErrorCode::kUnsupported,
                    "{}: the file system of the store {} shares no bytes with it; a copy would",
                    source.path.string(), store.root().string());
}

}  // namespace hearth::store
