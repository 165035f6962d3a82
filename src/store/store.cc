#include "store/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <system_error>
#include <utility>

#include "base/excerpt.h"
#include "store/files.h"
#include "store/manifest_index.h"
#include "store/references.h"
#include "store/replace.h"
#include "store/signature.h"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxEntries = 100'000;  // of a folder

Error not_found(const ModelName& name) {
  return make_error(ErrorCode::kNotFound, "model '{}' not found", name.text());
}

// The entries of a folder; nothing where there is no such folder.
Result<std::vector<fs::path>> entries_of(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> entries;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (entries.size() == kMaxEntries) {
      return make_error(ErrorCode::kResourceExhausted, "{}: expected at most {} entries, found more",
                        folder.string(), kMaxEntries);
    }
    entries.push_back(it->path());
  }
  if (!error || error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory)
    return entries;
  return make_error(ErrorCode::kIo, "{}: cannot be listed: {}", folder.string(), error.message());
}

struct ManifestBytes {
  std::string bytes;
  std::chrono::system_clock::time_point modified_at;
};

// Of the newer layout a manifest is a link to the blob of its digest; no other link is followed.
Result<ManifestBytes> read_manifest_file(const Places& places, const fs::path& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return system_error(path, "cannot be read", errno);
  ManifestBytes read;
  read.modified_at = time_of(info.st_mtim);
  if (!S_ISLNK(info.st_mode)) {
    HEARTH_ASSIGN(read.bytes, read_small_file(path, kMaxManifestBytes));
    return read;
  }
  std::error_code error;
  const fs::path target = fs::read_symlink(path, error);
  const auto digest = Digest::parse_file_name(target.filename().string());
  if (error || !digest) {
    return make_error(ErrorCode::kMalformed, "expected a file, or a link to a blob, found a link to {}",
                      excerpt(target.string()));
  }
  HEARTH_ASSIGN(read.bytes, read_small_file(places.blob(*digest), kMaxManifestBytes));
  if (Digest::of(read.bytes) == *digest) return read;
  return make_error(ErrorCode::kMalformed, "expected a manifest of {}, found {}", digest->text(),
                    Digest::of(read.bytes).text());
}

Result<void> check_blobs(const Store& store, const Manifest& manifest) {
  for (const Layer& layer : manifest.blobs()) {
    const auto size = store.blob_size(layer.digest);
    if (!size) {
      return make_error(ErrorCode::kNotFound, "manifest: {}: expected this blob in the store, found none",
                        layer.digest.text());
    }
    if (*size == layer.size_bytes) continue;
    return make_error(ErrorCode::kMalformed, "manifest: {}: expected a blob of {} bytes, found {}",
                      layer.digest.text(), layer.size_bytes, *size);
  }
  return {};
}

Result<void> remove_file(const fs::path& path) {
  if (::unlink(path.c_str()) == 0) return sync_folder(path.parent_path());
  if (errno == ENOENT || errno == ENOTDIR) return {};
  return system_error(path, "cannot be removed", errno);
}

// Folders that have become empty, up to but not `top`.
void remove_empty_folders(fs::path folder, const fs::path& top) {
  while (folder != top && ::rmdir(folder.c_str()) == 0) folder = folder.parent_path();
}

}  // namespace

std::chrono::system_clock::time_point time_of(const timespec& time) {
  return std::chrono::system_clock::time_point(
      std::chrono::duration_cast<std::chrono::system_clock::duration>(
          std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec)));
}

Result<Store> Store::open(fs::path root) {
  struct stat info {};
  if (::stat(root.c_str(), &info) != 0) return system_error(root, "cannot be opened", errno);
  if (!S_ISDIR(info.st_mode)) {
    return make_error(ErrorCode::kInvalidArgument, "{}: expected a folder", root.string());
  }
  return Store(root.has_filename() ? std::move(root) : root.parent_path());
}

bool Store::is_store(const fs::path& folder) {
  const Places places{folder};
  std::error_code error;
  return fs::is_directory(places.blobs(), error) &&
         (fs::is_directory(places.manifests(), error) || fs::is_directory(places.linked_manifests(), error));
}

Result<std::vector<ManifestFile>> Store::manifest_files() const {
  ManifestIndex index(root_);
  HEARTH_TRY(index.look());
  std::vector<ManifestFile> files;
  files.reserve(index.by_key().size());
  for (const auto& [key, file] : index.by_key()) files.push_back(file);
  return files;
}

std::optional<ManifestFile> Store::manifest_file(const ModelName& name) const {
  const Places places{root_};
  for (const fs::path& top : {places.linked_manifests(), places.manifests()}) {
    struct stat info {};
    fs::path path = top / name.manifest_path();
    if (::lstat(path.c_str(), &info) == 0 && !S_ISDIR(info.st_mode))
      return ManifestFile{name, std::move(path)};
  }
  return std::nullopt;
}

namespace {

Result<ManifestFile> find_file(const Store& store, const ModelName& name) {
  if (auto file = store.manifest_file(name)) return std::move(*file);
  ManifestIndex index(store.root());
  HEARTH_TRY(index.look());
  const auto at = index.by_key().find(name.key());
  if (at == index.by_key().end()) return not_found(name);
  return at->second;
}

}  // namespace

Result<ModelName> Store::find(const ModelName& name) const {
  HEARTH_ASSIGN(ManifestFile file, find_file(*this, name));
  return std::move(file.name);
}

Result<StoredManifest> Store::manifest(const ModelName& name) const {
  HEARTH_ASSIGN(const ManifestFile file, find_file(*this, name));
  return read_manifest(file);
}

Result<StoredManifest> Store::read_manifest(const ManifestFile& file) const {
  auto read = read_manifest_file(Places{root_}, file.path);
  if (!read) return read.error().in(file.name.text());
  auto manifest = Manifest::parse(read->bytes);
  if (!manifest) return manifest.error().in(file.name.text());
  const Digest digest = Digest::of(read->bytes);
  return StoredManifest{file.name, std::move(*manifest), std::move(read->bytes), digest, read->modified_at};
}

Result<Digest> replace_manifest(const Store& store, const ModelName& name, const Manifest& manifest,
                                std::string_view bytes) {
  const Places places{store.root()};
  // With the lock held nothing that was found here is collected before the manifest names it.
  HEARTH_TRY(check_blobs(store, manifest));
  const auto existing = find_file(store, name);
  if (!existing && existing.error().code() != ErrorCode::kNotFound) return existing.error();
  const ModelName& spelt = existing ? existing->name : name;
  if (existing) {
    // One that cannot be read is no version of anything.
    if (const auto old = read_manifest_file(places, existing->path)) {
      if (old->bytes == bytes) return Digest::of(bytes);
      HEARTH_TRY(keep_version(store, spelt, old->bytes, old->modified_at));
    }
  }
  HEARTH_TRY(replace_file(places, places.manifests() / spelt.manifest_path(), bytes, Durability::kOnDisk));
  HEARTH_TRY(remove_file(places.linked_manifests() / spelt.manifest_path()));
  return Digest::of(bytes);
}

Result<Digest> Store::write_manifest(const ModelName& name, std::string_view bytes) const {
  HEARTH_ASSIGN(const Manifest manifest, Manifest::parse(bytes));
  HEARTH_ASSIGN(const UniqueDescriptor lock, lock_store(Places{root_}));
  return replace_manifest(*this, name, manifest, bytes);
}

Result<RemovedModel> Store::remove(const ModelName& name) const {
  const Places places{root_};
  HEARTH_ASSIGN(const UniqueDescriptor lock, lock_store(places));
  HEARTH_ASSIGN(const ManifestFile file, find_file(*this, name));
  std::set<Digest> candidates;
  if (const auto stored = read_manifest(file)) add_references(*stored, candidates);
  const fs::path versions = versions_folder(places, file.name);
  HEARTH_ASSIGN(const std::vector<fs::path> old, entries_of(versions));
  for (const fs::path& path : old) {
    if (const auto stored = read_manifest({file.name, path})) add_references(*stored, candidates);
  }
  // The name first: with its blobs, it is what a crash must not separate.
  for (const fs::path& top : {places.linked_manifests(), places.manifests()}) {
    const fs::path path = top / file.name.manifest_path();
    HEARTH_TRY(remove_file(path));
    remove_empty_folders(path.parent_path(), top);
  }
  for (const fs::path& path : old) HEARTH_TRY(remove_file(path));
  remove_empty_folders(versions, places.history());
  HEARTH_TRY(remove_signatures(*this, file.name));
  RemovedModel removed;
  const auto needed = referenced_blobs(*this);
  if (!needed) return removed;
  for (const Digest& digest : candidates) {
    if (needed->contains(digest)) continue;
    if (const auto freed = remove_unused_blob(places, digest)) {
      removed.blobs.push_back(digest);
      removed.freed_bytes += *freed;
    }
  }
  return removed;
}

Result<void> Store::copy(const ModelName& source, const ModelName& destination) const {
  HEARTH_ASSIGN(const StoredManifest stored, manifest(source));
  const auto written = write_manifest(destination, stored.bytes);
  if (!written) return written.error();
  return {};
}

fs::path Store::blob_path(const Digest& digest) const {
  return Places{root_}.blob(digest);
}

std::optional<uint64_t> Store::blob_size(const Digest& digest) const {
  struct stat info {};
  const BlobFile file = blob_file(Places{root_}, digest);
  if (::lstat(file.path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  return static_cast<uint64_t>(info.st_size);
}

Result<UniqueDescriptor> Store::open_blob(const Digest& digest) const {
  const BlobFile file = blob_file(Places{root_}, digest);
  auto blob = open_locked(file.path, O_RDONLY, LOCK_SH, Wait::kYes);
  if (blob || !file.is_reference) return blob;
  // Where it is, is nobody's business that has to do with the store alone; hearth verify says it.
  return make_error(blob.error().code(), "{}: the file outside of the store that it refers to {}",
                    blob_path(digest).string(),
                    blob.error().code() == ErrorCode::kNotFound ? "is not there" : "cannot be opened");
}

Result<std::string> Store::read_blob(const Digest& digest, size_t max_bytes) const {
  HEARTH_ASSIGN(std::string bytes, read_small_file(blob_path(digest), max_bytes));
  const Digest found = Digest::of(bytes);
  if (found == digest) return bytes;
  return make_error(ErrorCode::kMalformed, "expected content of {}, found {}", digest.text(), found.text());
}

}  // namespace hearth::store
