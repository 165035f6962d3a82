#include "store/manifest_index.h"

#include <algorithm>
#include <array>
#include <system_error>

#include "store/files.h"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxEntries = 100'000;  // of a folder
constexpr size_t kParts = 4;             // host, namespace, model, tag

Result<std::vector<std::string>> names_in(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (names.size() == kMaxEntries) {
      return make_error(ErrorCode::kResourceExhausted, "{}: expected at most {} entries, found more", folder,
                        kMaxEntries);
    }
    names.push_back(it->path().filename().string());
  }
  std::ranges::sort(names);
  // It may have gone, or become a file, since it was looked at.
  if (!error || error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory)
    return names;
  return make_error(ErrorCode::kIo, "{}: cannot be listed: {}", folder, error.message());
}

}  // namespace

// Null for what is no folder.
Result<ManifestIndex::Folder*> ManifestIndex::list(const std::string& path) {
  const auto read_at = std::chrono::system_clock::now();
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) return static_cast<Folder*>(nullptr);
  const FileStamp stamp = FileStamp::of(info);
  Folder& folder = folders_[path];
  folder.seen_by = n_looks_;
  if (folder.is_settled && folder.stamp == stamp) return &folder;
  HEARTH_ASSIGN(std::vector<std::string> names, names_in(path));
  has_changed_ = has_changed_ || folder.names != names || folder.stamp == FileStamp();
  folder.names = std::move(names);
  folder.stamp = stamp;
  folder.is_settled = stamp.is_settled(read_at);
  return &folder;
}

// The folders below, whose names are `parts`; `files` gets what lies at the bottom.
Result<void> ManifestIndex::visit(const std::string& path, std::vector<std::string>& parts,
                                  std::vector<fs::path>* files) {
  HEARTH_ASSIGN(const Folder* const folder, list(path));
  if (folder == nullptr) return {};
  for (const std::string& name : folder->names) {
    if (parts.size() + 1 < kParts) {
      parts.push_back(name);
      HEARTH_TRY(visit(fmt::format("{}/{}", path, name), parts, files));
      parts.pop_back();
    } else if (files != nullptr) {
      files->push_back(fs::path(path) / name);
    }
  }
  return {};
}

Result<void> ManifestIndex::collect(const fs::path& top, std::vector<ManifestFile>& files) {
  std::vector<fs::path> paths;
  std::vector<std::string> parts;
  HEARTH_TRY(visit(top.string(), parts, &paths));
  for (fs::path& path : paths) {
    auto name = ModelName::from_manifest_path(path.lexically_relative(top));
    if (name) files.push_back({std::move(*name), std::move(path)});
  }
  return {};
}

Result<void> ManifestIndex::look() {
  const Places places{root_};
  ++n_looks_;
  // The newer layout's name wins, as it does for Ollama.
  const std::array tops{places.linked_manifests(), places.manifests()};
  for (const fs::path& top : tops) {
    std::vector<std::string> parts;
    HEARTH_TRY(visit(top.string(), parts, nullptr));
  }
  const size_t n_gone =
      std::erase_if(folders_, [this](const auto& folder) { return folder.second.seen_by != n_looks_; });
  if (n_gone == 0 && !has_changed_) return {};
  // Listing them twice costs nothing: nearly all are remembered.
  std::vector<ManifestFile> files;
  for (const fs::path& top : tops) HEARTH_TRY(collect(top, files));
  by_key_.clear();
  for (ManifestFile& file : files) {
    std::string key = file.name.key();
    by_key_.try_emplace(std::move(key), std::move(file));
  }
  has_changed_ = false;
  return {};
}

}  // namespace hearth::store
