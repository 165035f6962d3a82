#include "formats/safetensors/shards.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/excerpt.h"
#include "base/json_text.h"
#include "formats/safetensors/limits.h"

namespace hearth::safetensors {
namespace {

constexpr std::string_view kSingleName = "model.safetensors";
constexpr std::string_view kIndexName = "model.safetensors.index.json";

Result<std::map<std::string, std::string>> read_index(const Folder& folder) {
  HEARTH_ASSIGN(const MappedFile file, folder.map(kIndexName, kMaxIndexBytes));
  const auto bytes = file.bytes();
  auto index = parse_index({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!index) return index.error().in(kIndexName);
  return index;
}

std::vector<std::string> with_extension(const std::vector<std::string>& names,
                                        std::initializer_list<std::string_view> extensions) {
  std::vector<std::string> found;
  for (const std::string& name : names) {
    const auto is_end = [&](std::string_view extension) { return name.ends_with(extension); };
    if (std::any_of(extensions.begin(), extensions.end(), is_end)) found.push_back(name);
  }
  return found;
}

Result<std::string> find_only_file(const Folder& folder) {
  HEARTH_ASSIGN(const std::vector<std::string> names, folder.names());
  const auto weights = with_extension(names, {".safetensors"});
  if (weights.size() == 1) return weights.front();
  const std::string where = folder.path().string();
  if (!weights.empty()) {
    return make_error(ErrorCode::kNotFound,
                      "{}: expected {} or {}, found {} other *.safetensors files: which of them are the "
                      "model, and in which order, only an index can tell",
                      where, kSingleName, kIndexName, weights.size());
  }
  const auto pickles = with_extension(names, {".bin", ".pt", ".pth", ".pkl", ".ckpt"});
  if (!pickles.empty()) {
    return make_error(ErrorCode::kUnsupported,
                      "{}: expected {}, found {}: pickled weights, which are programs that run when they "
                      "are read, so Hearth does not; take the model's safetensors files, or convert these "
                      "where you trust them (safetensors.torch.save_file)",
                      where, kSingleName, excerpt(pickles.front()));
  }
  return make_error(ErrorCode::kNotFound, "{}: expected {} or {}, found neither", where, kSingleName,
                    kIndexName);
}

}  // namespace

Result<std::map<std::string, std::string>> parse_index(std::string_view text) {
  HEARTH_ASSIGN(const nlohmann::json json, parse_json(text));
  const auto map = json.is_object() ? json.find("weight_map") : json.end();
  if (map == json.end() || !map->is_object()) {
    return make_error(ErrorCode::kMalformed, "expected an object with an object weight_map, found none");
  }
  if (map->size() > kMaxTensors) {
    return make_error(ErrorCode::kResourceExhausted, "weight_map: expected at most {} tensors, found {}",
                      kMaxTensors, map->size());
  }
  std::map<std::string, std::string> index;
  for (const auto& [name, file] : map->items()) {
    const auto* text_of_file = file.get_ptr<const std::string*>();
    if (text_of_file == nullptr) {
      return make_error(ErrorCode::kMalformed, "weight_map: tensor {}: expected a file's name, found {}",
                        excerpt(name), file.type_name());
    }
    index.emplace(name, *text_of_file);
  }
  return index;
}

Result<Shards> Shards::open(const Folder& folder) {
  Shards shards;
  std::set<std::string> names;
  std::map<std::string, std::string> index;
  if (folder.has(kSingleName)) {
    names.emplace(kSingleName);
  } else if (folder.has(kIndexName)) {
    HEARTH_ASSIGN(index, read_index(folder));
    for (const auto& [tensor, file] : index) names.insert(file);
    if (names.empty())
      return make_error(ErrorCode::kMalformed, "{}: weight_map: expected tensors, found none", kIndexName);
    if (names.size() > kMaxShards) {
      return make_error(ErrorCode::kResourceExhausted, "{}: expected at most {} files, found {}", kIndexName,
                        kMaxShards, names.size());
    }
    for (const std::string& name : names) {
      if (name.ends_with(".safetensors")) continue;
      return make_error(ErrorCode::kUnsupported, "{}: expected *.safetensors files, found {}", kIndexName,
                        quoted_excerpt(name));
    }
  } else {
    HEARTH_ASSIGN(std::string only, find_only_file(folder));
    names.insert(std::move(only));
  }
  // Tensors point into the files.
  shards.files_.reserve(names.size());
  for (const std::string& name : names) HEARTH_TRY(shards.add(folder, name));
  if (!index.empty()) HEARTH_TRY(shards.check_index(index));
  return shards;
}

Result<void> Shards::add(const Folder& folder, const std::string& name) {
  HEARTH_ASSIGN(MappedFile mapped, folder.map(name, UINT64_MAX));
  HEARTH_ASSIGN(File file, File::of(std::move(mapped), name));
  files_.push_back(std::move(file));
  for (const TensorInfo& tensor : files_.back().tensors()) {
    const auto [at, is_new] = by_name_.emplace(tensor.name, std::pair(&tensor, files_.size() - 1));
    if (!is_new) {
      return make_error(ErrorCode::kMalformed, "{}: tensor {}: expected it in one file, found it in {} too",
                        excerpt(name), excerpt(tensor.name), excerpt(files_[at->second.second].name()));
    }
    tensors_.push_back(&tensor);
  }
  if (tensors_.size() <= kMaxTensors) return {};
  return make_error(ErrorCode::kResourceExhausted, "{}: expected at most {} tensors in all files, found {}",
                    excerpt(name), kMaxTensors, tensors_.size());
}

Result<void> Shards::check_index(const std::map<std::string, std::string>& index) const {
  for (const auto& [tensor, file] : index) {
    const auto at = by_name_.find(tensor);
    if (at != by_name_.end() && files_[at->second.second].name() == file) continue;
    return make_error(ErrorCode::kMalformed, "{}: tensor {}: expected it in {}, found it {}", kIndexName,
                      excerpt(tensor), excerpt(file),
                      at == by_name_.end() ? "nowhere" : "in " + excerpt(files_[at->second.second].name()));
  }
  for (const TensorInfo* tensor : tensors_) {
    if (index.contains(tensor->name)) continue;
    return make_error(ErrorCode::kMalformed, "{}: tensor {}: expected it in weight_map, found it in {} only",
                      kIndexName, excerpt(tensor->name),
                      excerpt(files_[by_name_.at(tensor->name).second].name()));
  }
  return {};
}

const TensorInfo* Shards::find_tensor(std::string_view name) const noexcept {
  const auto at = by_name_.find(name);
  return at != by_name_.end() ? at->second.first : nullptr;
}

}  // namespace hearth::safetensors
