#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <system_error>

#include "store/references.h"
#include "store/replace.h"
#include "store/versions.h"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;

bool is_younger(const fs::path& path, std::chrono::seconds age) {
  struct stat info {};
  // What cannot be looked at is spared.
  return ::lstat(path.c_str(), &info) != 0 || ::time(nullptr) - info.st_mtim.tv_sec < age.count();
}

bool is_in_use(const fs::path& path) {
  return !open_locked(path, O_RDONLY, LOCK_EX, Wait::kNo);
}

void collect_blob(const Places& places, const Digest& digest, const GarbageOptions& options,
                  Garbage& garbage) {
  const fs::path path = places.blob(digest);
  std::optional<uint64_t> size;
  if (!is_younger(path, options.min_age)) {
    if (options.dry_run) {
      struct stat info {};
      if (!is_in_use(blob_file(places, digest).path) && ::lstat(path.c_str(), &info) == 0)
        size = static_cast<uint64_t>(info.st_size);
    } else {
      size = remove_unused_blob(places, digest);
    }
  }
  if (!size) {
    ++garbage.n_spared;
    return;
  }
  garbage.blobs.push_back(digest);
  garbage.size_bytes += *size;
}

// Of writers that died: those that live have theirs locked.
void collect_incoming(const Places& places, const GarbageOptions& options, Garbage& garbage) {
  std::error_code error;
  for (fs::directory_iterator it(places.incoming(), error), end; !error && it != end; it.increment(error)) {
    struct stat info {};
    const auto file = open_locked(it->path(), O_RDWR, LOCK_EX, Wait::kNo);
    if (!file || ::fstat(file->get(), &info) != 0) continue;
    ++garbage.n_abandoned_files;
    garbage.size_bytes += static_cast<uint64_t>(info.st_size);
    if (!options.dry_run) ::unlink(it->path().c_str());
  }
}

// Before the blobs that they name, and on the disk before them.
Result<void> remove_versions(const std::set<fs::path>& versions) {
  for (const fs::path& version : versions) {
    if (::unlink(version.c_str()) != 0 && errno != ENOENT)
      return system_error(version, "cannot be removed", errno);
    HEARTH_TRY(sync_folder(version.parent_path()));
  }
  return {};
}

// Of manifests that their name stands for no more, and did not in any version.
Result<void> collect_signatures(const Store& store, const GarbageOptions& options) {
  const Places places{store.root()};
  std::error_code error;
  std::vector<fs::path> stale;
  fs::recursive_directory_iterator it(places.signatures(), error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    if (!it->is_regular_file(error) || is_younger(it->path(), options.min_age)) continue;
    const auto name =
        ModelName::from_manifest_path(it->path().parent_path().lexically_relative(places.signatures()));
    const std::string file = it->path().filename().string();
    if (!name) continue;
    HEARTH_ASSIGN(const std::vector<ManifestVersion> versions, store.versions(*name));
    const auto current = store.manifest(*name);
    const bool is_current = current && file.starts_with(current->digest.hex());
    const bool is_former = std::ranges::any_of(
        versions, [&](const ManifestVersion& version) { return file.starts_with(version.digest.hex()); });
    if (!is_current && !is_former) stale.push_back(it->path());
  }
  for (const fs::path& path : stale) ::unlink(path.c_str());
  return {};
}

}  // namespace

void add_references(const StoredManifest& stored, std::set<Digest>& digests) {
  digests.insert(stored.digest);
  for (const Layer& layer : stored.manifest.blobs()) digests.insert(layer.digest);
}

Result<std::set<Digest>> referenced_blobs(const Store& store, const std::set<fs::path>& without) {
  std::set<Digest> digests;
  const auto add = [&](const ManifestFile& file) -> Result<void> {
    const auto stored = store.read_manifest(file);
    if (!stored) {
      return make_error(ErrorCode::kMalformed, "{}; which blobs it needs is not known (hearth rm removes it)",
                        stored.error().message());
    }
    add_references(*stored, digests);
    return {};
  };
  HEARTH_ASSIGN(const std::vector<ManifestFile> files, store.manifest_files());
  for (const ManifestFile& file : files) HEARTH_TRY(add(file));

  const Places places{store.root()};
  std::error_code error;
  fs::recursive_directory_iterator it(places.history(), error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    if (!it->is_regular_file(error) || without.contains(it->path())) continue;
    const auto name =
        ModelName::from_manifest_path(it->path().parent_path().lexically_relative(places.history()));
    HEARTH_TRY(add({name ? *name : ModelName{}, it->path()}));
  }
  if (!error || error == std::errc::no_such_file_or_directory) return digests;
  return make_error(ErrorCode::kIo, "{}: cannot be listed: {}", places.history().string(), error.message());
}

std::optional<uint64_t> remove_unused_blob(const Places& places, const Digest& digest) {
  const fs::path path = places.blob(digest);
  struct stat info {};
  // Who opens it for reading takes a shared lock, and looks again whether it is still there.
  const BlobFile file = blob_file(places, digest);
  const auto blob = open_locked(file.path, O_RDONLY, LOCK_EX, Wait::kNo);
  const bool leads_nowhere = file.is_reference && !blob && blob.error().code() == ErrorCode::kNotFound;
  if (!leads_nowhere && (!blob || ::fstat(blob->get(), &info) != 0)) return std::nullopt;
  // The link, where it is one: the file that it leads to is not ours.
  if (::unlink(path.c_str()) != 0) return std::nullopt;
  ::unlink((places.verified() / digest.file_name()).c_str());
  if (file.is_reference) ::unlink((places.references() / digest.file_name()).c_str());
  const bool has_other_names = info.st_nlink > 1;
  return file.is_reference || has_other_names ? 0 : static_cast<uint64_t>(info.st_size);
}

namespace {

// With the store's lock held.
Result<Garbage> collect(const Store& store, const GarbageOptions& options,
                        const std::set<fs::path>& old_versions) {
  const Places places{store.root()};
  HEARTH_ASSIGN(const std::set<Digest> needed, referenced_blobs(store, old_versions));
  Garbage garbage;
  if (!options.dry_run) HEARTH_TRY(remove_versions(old_versions));
  std::error_code error;
  for (fs::directory_iterator it(places.blobs(), error), end; !error && it != end; it.increment(error)) {
    const auto digest = Digest::parse_file_name(it->path().filename().string());
    // Other files are not Hearth's: Ollama keeps its own partial downloads here.
    if (digest && !needed.contains(*digest)) collect_blob(places, *digest, options, garbage);
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return make_error(ErrorCode::kIo, "{}: cannot be listed: {}", places.blobs().string(), error.message());
  }
  collect_incoming(places, options, garbage);
  if (!options.dry_run) HEARTH_TRY(collect_signatures(store, options));
  return garbage;
}

}  // namespace

Result<Garbage> Store::collect_garbage(const GarbageOptions& options) const {
  HEARTH_ASSIGN(const UniqueDescriptor lock, lock_store(Places{root_}));
  return collect(*this, options, {});
}

Result<GarbageAndVersions> collect_versions(const Store& store, const GarbageOptions& options, size_t keep) {
  const Places places{store.root()};
  HEARTH_ASSIGN(const UniqueDescriptor lock, lock_store(places));
  HEARTH_ASSIGN(const std::set<fs::path> old_versions, versions_beyond(places, keep));
  HEARTH_ASSIGN(Garbage garbage, collect(store, options, old_versions));
  return GarbageAndVersions{std::move(garbage), old_versions.size()};
}

}  // namespace hearth::store
