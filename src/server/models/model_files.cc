#include "server/models/model_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/mapped_file.h"
#include "formats/gguf/limits.h"
#include "formats/gguf/split.h"
#include "formats/safetensors/folder.h"
#include "store/file_stamp.h"

namespace hearth::server {
namespace {

namespace fs = std::filesystem;

// What a folder's model is read from. The rest (pictures, code, other formats) stays closed.
constexpr std::array<std::string_view, 5> kEndings = {".safetensors", ".json", ".model", ".txt", ".jinja"};
constexpr size_t kMaxFiles = 4000;

// `name` is what the engine and errors call it.
Result<void> add(ModelFiles& files, const std::string& name, const fs::path& path) {
  if (files.files.size() == kMaxFiles) {
    return make_error(ErrorCode::kResourceExhausted, "{}: expected a model of at most {} files, found more",
                      files.name, kMaxFiles);
  }
  // O_NONBLOCK: a named pipe must be refused below, not waited for.
  UniqueDescriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!descriptor) {
    const ErrorCode code = errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
    return make_error(code, "{}: cannot open: {}", name, std::strerror(errno));
  }
  HEARTH_TRY(MappedFile::check_descriptor(descriptor.get(), name));
  files.files.push_back({name, std::move(descriptor)});
  return {};
}

Result<ModelFiles> open_file(const fs::path& path) {
  ModelFiles files{path.filename().string(), {}};
  const auto split = gguf::parse_split_name(files.name);
  if (!split) {
    HEARTH_TRY(add(files, files.name, path));
    return files;
  }
  if (split->n_parts > gguf::kMaxParts) {
    return make_error(ErrorCode::kResourceExhausted, "{}: expected a split of at most {} parts, found {}",
                      files.name, gguf::kMaxParts, split->n_parts);
  }
  for (uint32_t part = 1; part <= split->n_parts; ++part) {
    const std::string name = split->file_name(part);
    HEARTH_TRY(add(files, name, path.parent_path() / name));
  }
  return files;
}

// The folder's name; of a snapshot in Hugging Face's cache, models--OWNER--NAME/snapshots/REVISION, that too,
// which says whose model it is.
std::string folder_name(const fs::path& path) {
  const fs::path folder = path.has_filename() ? path : path.parent_path();
  const fs::path above = folder.parent_path();
  if (above.filename() != "snapshots") return folder.filename().string();
  return (above.parent_path().filename() / "snapshots" / folder.filename()).string();
}

Result<ModelFiles> open_folder(const fs::path& path) {
  HEARTH_ASSIGN(const auto folder, safetensors::Folder::open(path));
  HEARTH_ASSIGN(const std::vector<std::string> names, folder.names());
  ModelFiles files{folder_name(path), {}};
  for (const std::string& name : names) {
    const bool is_of_model = std::any_of(kEndings.begin(), kEndings.end(),
                                         [&](std::string_view ending) { return name.ends_with(ending); });
    if (!is_of_model) continue;
    const auto real = folder.resolve(name);
    if (!real)
      return make_error(real.error().code(), "{}/{}: a link out of the folder, or to nothing", files.name,
                        name);
    std::error_code error;
    if (!fs::is_regular_file(*real, error)) continue;
    HEARTH_TRY(add(files, files.name + "/" + name, *real));
  }
  return files;
}

// By what the descriptors are open on: a model of the store may be a file beside it under a second name. When
// the inode was changed last does not count, since giving a file another name changes it.
std::string weights_id_of(const ModelFiles& files) {
  std::string id;
  for (const ModelFiles::File& file : files.files) {
    struct stat info {};
    // Of a file that was opened, it tells always.
    if (::fstat(file.descriptor.get(), &info) != 0) continue;
    const auto stamp = store::FileStamp::of(info);
    id += fmt::format("{}:{}:{}:{}\n", stamp.device, stamp.inode, stamp.size_bytes, stamp.modified_ns);
  }
  return id + files.chat_template;
}

}  // namespace

Result<ModelFiles> open_model_files(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error) ? open_folder(path) : open_file(path);
}

Result<ModelFiles> open_model_files(const CatalogEntry& entry) {
  if (!entry.stored) {
    HEARTH_ASSIGN(ModelFiles files, open_model_files(fs::path(entry.path)));
    files.weights_id = weights_id_of(files);
    return files;
  }
  const StoredModel& model = *entry.stored;
  if (!model.unusable.empty()) {
    return make_error(ErrorCode::kUnsupported, "model '{}' cannot be loaded: {}", entry.name, model.unusable);
  }
  const StoredModel::Files stored = model.files();
  if (stored.files.size() > kMaxFiles) {
    return make_error(ErrorCode::kResourceExhausted, "model '{}': expected at most {} files, found {}",
                      entry.name, kMaxFiles, stored.files.size());
  }
  ModelFiles files{stored.name, {}};
  for (const StoredModel::Files::File& file : stored.files) {
    auto blob = model.store.open_blob(file.digest);
    if (!blob) return blob.error().in(entry.name);
    files.files.push_back({file.name, std::move(*blob)});
  }
  if (stored.adapter) {
    auto blob = model.store.open_blob(stored.adapter->digest);
    if (!blob) return blob.error().in(entry.name);
    files.adapter = {stored.adapter->digest.text(), stored.adapter->name, std::move(*blob),
                     stored.adapter->size_bytes};
  }
  auto chat_template = model.chat_template();
  if (!chat_template) return chat_template.error().in(fmt::format("model '{}'", entry.name));
  files.chat_template = std::move(*chat_template);
  files.weights_id = weights_id_of(files);
  return files;
}

}  // namespace hearth::server
