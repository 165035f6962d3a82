#include "formats/safetensors/folder.h"

#include <algorithm>
#include <system_error>

#include "base/excerpt.h"

namespace hearth::safetensors {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxEntries = 65'536;

bool is_plain_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.size() <= 255 &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

bool is_within(const fs::path& path, const fs::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first == folder.end();
}

// Whether `file` is a blob of the cache of which `folder` is a snapshot or stands in one:
// CACHE/snapshots/REVISION/... and CACHE/blobs/HASH.
bool is_blob_of_snapshot(const fs::path& file, const fs::path& folder) {
  for (fs::path at = folder; at.has_relative_path(); at = at.parent_path()) {
    const fs::path above = at.parent_path();
    if (above.filename() == "snapshots" && file.parent_path() == above.parent_path() / "blobs") return true;
  }
  return false;
}

}  // namespace

Result<Folder> Folder::open(const fs::path& path) {
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  if (error) {
    return make_error(ErrorCode::kNotFound, "{}: expected a folder, found {}", path.string(),
                      error.message());
  }
  if (!fs::is_directory(real, error)) {
    return make_error(ErrorCode::kInvalidArgument, "{}: expected a folder, found a file", path.string());
  }
  return Folder(path, real);
}

bool Folder::has(std::string_view name) const {
  std::error_code error;
  return fs::exists(fs::symlink_status(real_ / name, error));
}

Result<std::vector<std::string>> Folder::names() const {
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator it(real_, error), end; !error && it != end; it.increment(error)) {
    if (names.size() == kMaxEntries) {
      return make_error(ErrorCode::kResourceExhausted,
                        "{}: expected a folder of at most {} files, found more", path_.string(), kMaxEntries);
    }
    names.push_back(it->path().filename().string());
  }
  if (error) return make_error(ErrorCode::kIo, "{}: cannot list: {}", path_.string(), error.message());
  std::ranges::sort(names);
  return names;
}

Result<fs::path> Folder::resolve(std::string_view name) const {
  if (!is_plain_name(name)) {
    return make_error(ErrorCode::kInvalidArgument, "{}: expected the name of a file in this folder, found {}",
                      path_.string(), quoted_excerpt(name));
  }
  std::error_code error;
  fs::path file = fs::canonical(real_ / name, error);
  if (error) {
    return make_error(ErrorCode::kNotFound, "{}: {}: {}", path_.string(), excerpt(name), error.message());
  }
  if (is_within(file, real_) || is_blob_of_snapshot(file, real_)) return file;
  return make_error(ErrorCode::kInvalidArgument,
                    "{}: {}: expected a file in this folder, found a link to {}, outside of it; copy the "
                    "file, or give the folder that it leads to",
                    path_.string(), excerpt(name), excerpt(file.string(), 1'000));
}

Result<MappedFile> Folder::map(std::string_view name, uint64_t max_bytes) const {
  HEARTH_ASSIGN(const fs::path file, resolve(name));
  HEARTH_ASSIGN(MappedFile mapped, MappedFile::open(file));
  if (mapped.bytes().size() <= max_bytes) return mapped;
  return make_error(ErrorCode::kResourceExhausted, "{}: {}: expected at most {} bytes, found {}",
                    path_.string(), excerpt(name), max_bytes, mapped.bytes().size());
}

}  // namespace hearth::safetensors
