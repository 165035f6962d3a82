#include "base/file_source.h"

#include <algorithm>
#include <set>
#include <system_error>

namespace hearth {
namespace {

namespace fs = std::filesystem;

Error too_many(const fs::path& folder, size_t most) {
  return make_error(ErrorCode::kResourceExhausted, "{}: expected a folder of at most {} files, found more",
                    folder.string(), most);
}

class FileSystem final : public FileSource {
 public:
  bool is_folder(const fs::path& path) const override {
    std::error_code error;
    return fs::is_directory(path, error);
  }

  bool has(const fs::path& path) const override {
    std::error_code error;
    return fs::exists(fs::symlink_status(path, error));
  }

  Result<std::vector<std::string>> names(const fs::path& folder, size_t most) const override {
    std::error_code error;
    std::vector<std::string> names;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
      if (names.size() == most) return too_many(folder, most);
      names.push_back(it->path().filename().string());
    }
    if (error) return make_error(ErrorCode::kIo, "{}: cannot list: {}", folder.string(), error.message());
    std::ranges::sort(names);
    return names;
  }

  Result<fs::path> canonical(const fs::path& path) const override {
    std::error_code error;
    fs::path real = fs::canonical(path, error);
    if (error) return make_error(ErrorCode::kNotFound, "{}: {}", path.string(), error.message());
    return real;
  }

  Result<MappedFile> map(const fs::path& path) const override { return MappedFile::open(path); }
};

// "a/b/" and "a/./b" name the same as "a/b".
fs::path normal(const fs::path& path) {
  const fs::path plain = path.lexically_normal();
  return plain.has_filename() ? plain : plain.parent_path();
}

Error not_found(const fs::path& path) {
  return make_error(ErrorCode::kNotFound, "{}: no such file among those that were handed over",
                    path.string());
}

}  // namespace

const FileSource& file_system() {
  static const FileSystem source;
  return source;
}

Result<void> InheritedFiles::add(const fs::path& path, UniqueDescriptor descriptor) {
  const fs::path name = normal(path);
  if (name.empty() || name == ".") {
    return Error(ErrorCode::kInvalidArgument, "an inherited file: expected a name, found none");
  }
  HEARTH_TRY(MappedFile::check_descriptor(descriptor.get(), path));
  if (!files_.try_emplace(name, std::move(descriptor)).second) {
    return make_error(ErrorCode::kInvalidArgument, "{}: expected each file once, found it again",
                      path.string());
  }
  return {};
}

bool InheritedFiles::is_folder(const fs::path& path) const {
  const fs::path folder = normal(path);
  // Names in a folder stand right behind where it would stand itself.
  const auto first = files_.lower_bound(folder / "");
  return first != files_.end() &&
         std::mismatch(folder.begin(), folder.end(), first->first.begin(), first->first.end()).first ==
             folder.end();
}

bool InheritedFiles::has(const fs::path& path) const {
  return files_.contains(normal(path)) || is_folder(path);
}

Result<std::vector<std::string>> InheritedFiles::names(const fs::path& path, size_t most) const {
  const fs::path folder = normal(path);
  std::set<std::string> names;
  for (const auto& [file, descriptor] : files_) {
    const auto [left, rest] = std::mismatch(folder.begin(), folder.end(), file.begin(), file.end());
    if (left != folder.end() || rest == file.end()) continue;
    names.insert(rest->string());
    if (names.size() > most) return too_many(path, most);
  }
  return std::vector<std::string>(names.begin(), names.end());
}

Result<fs::path> InheritedFiles::canonical(const fs::path& path) const {
  if (!has(path)) return not_found(path);
  return normal(path);
}

Result<MappedFile> InheritedFiles::map(const fs::path& path) const {
  const auto file = files_.find(normal(path));
  if (file == files_.end()) return not_found(path);
  return MappedFile::of_descriptor(file->second.get(), path);
}

}  // namespace hearth
