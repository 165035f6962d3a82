#include "store/versions.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <system_error>

#include "store/files.h"
#include "store/replace.h"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxNumber = 999'999'999'999;

// "00000012-HEX"
std::optional<ManifestVersion> parse_version(const std::string& file_name) {
  ManifestVersion version;
  const char* begin = file_name.data();
  const char* end = begin + file_name.size();
  const auto [after, error] = std::from_chars(begin, end, version.number);
  if (error != std::errc() || after == end || *after != '-') return std::nullopt;
  if (version.number == 0 || version.number > kMaxNumber) return std::nullopt;
  const auto digest = Digest::parse("sha256:" + std::string(after + 1, end));
  if (!digest) return std::nullopt;
  version.digest = *digest;
  return version;
}

fs::path version_path(const Places& places, const ModelName& name, const ManifestVersion& version) {
  return versions_folder(places, name) / fmt::format("{:08}-{}", version.number, version.digest.hex());
}

std::vector<Digest> missing_blobs(const Store& store, const Manifest& manifest) {
  std::vector<Digest> missing;
  for (const Layer& layer : manifest.blobs()) {
    if (store.blob_size(layer.digest) != layer.size_bytes) missing.push_back(layer.digest);
  }
  return missing;
}

// What the name stands for now is the newest version already where a change died half-way.
bool is_kept(const std::vector<ManifestVersion>& versions, const Digest& current) {
  return !versions.empty() && versions.front().digest == current;
}

uint64_t current_number(const std::vector<ManifestVersion>& versions, const Digest& current) {
  if (versions.empty()) return 1;
  return versions.front().number + (is_kept(versions, current) ? 0 : 1);
}

VersionEntry entry_of(const Store& store, uint64_t number, bool is_current,
                      const Result<StoredManifest>& stored) {
  VersionEntry entry{number, is_current, {}, {}, std::nullopt, {}};
  if (!stored) return entry;
  entry.digest = stored->digest;
  entry.modified_at = stored->modified_at;
  entry.manifest = stored->manifest;
  entry.missing = missing_blobs(store, stored->manifest);
  return entry;
}

Error no_such_version(const ModelName& name, uint64_t number, uint64_t newest) {
  return make_error(ErrorCode::kNotFound, "model '{}' has no version {}; its versions are numbered up to {}",
                    name.text(), number, newest);
}

}  // namespace

fs::path versions_folder(const Places& places, const ModelName& name) {
  return places.history() / ModelName::parse(name.key())->manifest_path();
}

Result<void> keep_version(const Store& store, const ModelName& name, std::string_view bytes,
                          std::chrono::system_clock::time_point modified_at) {
  const Places places{store.root()};
  HEARTH_ASSIGN(const std::vector<ManifestVersion> versions, store.versions(name));
  const Digest digest = Digest::of(bytes);
  if (is_kept(versions, digest)) return {};
  const fs::path path = version_path(places, name, {current_number(versions, digest), digest, {}});
  HEARTH_TRY(replace_file(places, path, bytes, Durability::kOnDisk));
  const auto since_epoch = modified_at.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
  const timespec time{seconds.count(), std::chrono::nanoseconds(since_epoch - seconds).count()};
  const std::array<timespec, 2> times{time, time};
  // A wrong time is shown, and nothing depends on it.
  (void)::utimensat(AT_FDCWD, path.c_str(), times.data(), 0);
  return {};
}

Result<std::set<fs::path>> versions_beyond(const Places& places, size_t keep) {
  std::map<fs::path, std::map<uint64_t, fs::path, std::greater<>>> folders;
  std::error_code error;
  fs::recursive_directory_iterator it(places.history(), error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    const auto version = parse_version(it->path().filename().string());
    if (version && it->is_regular_file(error))
      folders[it->path().parent_path()][version->number] = it->path();
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return make_error(ErrorCode::kIo, "{}: cannot be listed: {}", places.history().string(), error.message());
  }
  std::set<fs::path> beyond;
  for (const auto& [folder, versions] : folders) {
    size_t n_kept = 0;
    for (const auto& [number, path] : versions) {
      if (n_kept++ >= keep) beyond.insert(path);
    }
  }
  return beyond;
}

Result<std::vector<ManifestVersion>> Store::versions(const ModelName& name) const {
  const fs::path folder = versions_folder(Places{root_}, name);
  std::vector<ManifestVersion> versions;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    auto version = parse_version(it->path().filename().string());
    struct stat info {};
    if (!version || ::lstat(it->path().c_str(), &info) != 0) continue;
    version->modified_at = time_of(info.st_mtim);
    versions.push_back(*version);
  }
  if (error && error != std::errc::no_such_file_or_directory && error != std::errc::not_a_directory)
    return make_error(ErrorCode::kIo, "{}: cannot be listed: {}", folder.string(), error.message());
  std::ranges::sort(versions, std::greater{}, &ManifestVersion::number);
  return versions;
}

Result<std::vector<VersionEntry>> read_history(const Store& store, const ModelName& name) {
  HEARTH_ASSIGN(const ModelName spelt, store.find(name));
  const Result<StoredManifest> current = store.manifest(spelt);
  HEARTH_ASSIGN(const std::vector<ManifestVersion> former, store.versions(spelt));
  const Digest digest = current ? current->digest : Digest();
  std::vector<VersionEntry> entries{entry_of(store, current_number(former, digest), true, current)};
  for (const ManifestVersion& version : former) {
    if (version.number == entries.front().number) continue;
    const fs::path path = version_path(Places{store.root()}, spelt, version);
    VersionEntry entry = entry_of(store, version.number, false, store.read_manifest({spelt, path}));
    entry.digest = version.digest;
    entry.modified_at = version.modified_at;
    entries.push_back(std::move(entry));
  }
  return entries;
}

Result<StoredManifest> read_version(const Store& store, const ModelName& name, uint64_t number) {
  HEARTH_ASSIGN(const ModelName spelt, store.find(name));
  HEARTH_ASSIGN(const std::vector<ManifestVersion> former, store.versions(spelt));
  const auto at = std::ranges::find(former, number, &ManifestVersion::number);
  if (at != former.end()) {
    const fs::path path = version_path(Places{store.root()}, spelt, *at);
    HEARTH_ASSIGN(StoredManifest stored, store.read_manifest({spelt, path}));
    if (stored.digest == at->digest) return stored;
    return make_error(ErrorCode::kMalformed, "{}: version {}: expected a manifest of {}, found {}",
                      spelt.text(), number, at->digest.text(), stored.digest.text());
  }
  HEARTH_ASSIGN(StoredManifest current, store.manifest(spelt));
  const uint64_t newest = current_number(former, current.digest);
  if (number == newest) return current;
  return no_such_version(spelt, number, newest);
}

Result<VersionEntry> roll_back(const Store& store, const ModelName& name, std::optional<uint64_t> number) {
  const Places places{store.root()};
  HEARTH_ASSIGN(const UniqueDescriptor lock, lock_store(places));
  HEARTH_ASSIGN(const ModelName spelt, store.find(name));
  if (!number) {
    const Result<StoredManifest> current = store.manifest(spelt);
    HEARTH_ASSIGN(const std::vector<ManifestVersion> former, store.versions(spelt));
    const auto at = std::ranges::find_if(former, [&](const ManifestVersion& version) {
      return !current || version.digest != current->digest;
    });
    if (at == former.end()) {
      return make_error(ErrorCode::kNotFound, "model '{}' has no former version", spelt.text());
    }
    number = at->number;
  }
  HEARTH_ASSIGN(const StoredManifest stored, read_version(store, spelt, *number));
  VersionEntry entry = entry_of(store, *number, true, stored);
  if (!entry.missing.empty()) {
    std::string digests;
    for (const Digest& digest : entry.missing) digests += (digests.empty() ? "" : ", ") + digest.text();
    return make_error(
        ErrorCode::kNotFound,
        "model '{}': version {} needs blobs that are not in the store, or are of another size: {}",
        spelt.text(), *number, digests);
  }
  HEARTH_TRY(replace_manifest(store, spelt, stored.manifest, stored.bytes));
  HEARTH_ASSIGN(const std::vector<ManifestVersion> former, store.versions(spelt));
  entry.number = current_number(former, entry.digest);
  entry.modified_at = std::chrono::system_clock::now();
  return entry;
}

}  // namespace hearth::store
