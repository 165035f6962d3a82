#include "formats/safetensors/folder.h"

#include <algorithm>

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

Result<Folder> Folder::open(const FileSource& source, const fs::path& path) {
  const auto real = source.canonical(path);
  if (!real) {
    return make_error(ErrorCode::kNotFound, "{}: expected a folder, found no such file or folder",
                      path.string());
  }
  if (!source.is_folder(*real)) {
    return make_error(ErrorCode::kInvalidArgument, "{}: expected a folder, found a file", path.string());
  }
  return Folder(source, path, *real);
}

bool Folder::has(std::string_view name) const {
  return source_->has(real_ / name);
}

Result<std::vector<std::string>> Folder::names() const {
  return source_->names(real_, kMaxEntries);
}

Result<fs::path> Folder::resolve(std::string_view name) const {
  if (!is_plain_name(name)) {
    return make_error(ErrorCode::kInvalidArgument, "{}: expected the name of a file in this folder, found {}",
                      path_.string(), quoted_excerpt(name));
  }
  const auto file = source_->canonical(real_ / name);
  if (!file) {
    return make_error(ErrorCode::kNotFound, "{}: {}: no such file", path_.string(), excerpt(name));
  }
  if (is_within(*file, real_) || is_blob_of_snapshot(*file, real_)) return *file;
  return make_error(ErrorCode::kInvalidArgument,
                    "{}: {}: expected a file in this folder, found a link to {}, outside of it; copy the "
                    "file, or give the folder that it leads to",
                    path_.string(), excerpt(name), excerpt(file->string(), 1'000));
}

Result<MappedFile> Folder::map(std::string_view name, uint64_t max_bytes) const {
  HEARTH_ASSIGN(const fs::path file, resolve(name));
  HEARTH_ASSIGN(MappedFile mapped, source_->map(file));
  if (mapped.bytes().size() <= max_bytes) return mapped;
  return make_error(ErrorCode::kResourceExhausted, "{}: {}: expected at most {} bytes, found {}",
                    path_.string(), excerpt(name), max_bytes, mapped.bytes().size());
}

}  // namespace hearth::safetensors
