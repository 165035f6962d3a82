#include "server/models/catalog.h"

#include <algorithm>
#include <optional>
#include <system_error>

#include "base/excerpt.h"
#include "formats/gguf/split.h"

namespace hearth::server {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxPartLength = 80;  // of a model's name, and of a tag
constexpr size_t kMaxEntries = 100'000;
constexpr std::string_view kDefaultTag = "latest";

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](char c) { return lower(c); });
  return result;
}

bool may_begin(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool may_follow(char c) {
  return may_begin(c) || c == '-' || c == '.';
}

// The nearest part of a name to what a file is called; empty where nothing is left.
std::string as_name_part(std::string_view text) {
  while (!text.empty() && !may_begin(text.front())) text.remove_prefix(1);
  std::string part(text.substr(0, kMaxPartLength));
  std::ranges::transform(part, part.begin(), [](char c) { return may_follow(c) ? c : '-'; });
  return part;
}

// "tiny:q4" of what stands before the ending.
std::string name_of(std::string_view stem) {
  const size_t colon = stem.rfind(':');
  const std::string model = as_name_part(stem.substr(0, colon));
  const std::string tag = colon == std::string_view::npos ? "" : as_name_part(stem.substr(colon + 1));
  if (model.empty()) return "";
  return fmt::format("{}:{}", model, tag.empty() ? std::string(kDefaultTag) : tag);
}

// Adds one file's size to the entry, and its time if it is the newest.
bool count(const fs::path& file, CatalogEntry& entry) {
  std::error_code error;
  const auto size = fs::file_size(file, error);
  if (error || !fs::is_regular_file(file, error)) return false;
  const auto time = fs::last_write_time(file, error);
  if (error) return false;
  entry.size_bytes += static_cast<int64_t>(size);
  entry.modified_at =
      std::max(entry.modified_at,
               std::chrono::time_point_cast<WallTime::duration>(std::chrono::file_clock::to_sys(time)));
  return true;
}

std::vector<fs::path> sorted_entries(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end && entries.size() < kMaxEntries;
       it.increment(error)) {
    entries.push_back(it->path());
  }
  std::ranges::sort(entries);
  return entries;
}

CatalogEntry entry_of(const std::shared_ptr<const StoredModel>& model) {
  const store::StoredManifest& stored = model->manifest;
  CatalogEntry entry;
  entry.name = stored.name.text();
  if (model->unusable.empty())
    entry.path = model->store.blob_path(model->files().files.front().digest).string();
  entry.digest = stored.digest.hex();
  entry.size_bytes = static_cast<int64_t>(stored.manifest.size_bytes());
  entry.modified_at = stored.modified_at;
  entry.stored = model;
  return entry;
}

// The stem of what is a model's own name; nothing for a file that is none.
std::optional<std::string> stem_of(const fs::path& path) {
  std::error_code error;
  const std::string name = path.filename().string();
  if (fs::is_directory(path, error)) {
    if (fs::exists(path / "config.json", error)) return name;
    return std::nullopt;
  }
  if (lower(path.extension().string()) != ".gguf") return std::nullopt;
  const auto split = gguf::parse_split_name(name);
  if (!split) return path.stem().string();
  if (split->part == 1) return split->stem;
  return std::nullopt;
}

bool count_files(const fs::path& path, CatalogEntry& entry) {
  std::error_code error;
  if (fs::is_directory(path, error)) {
    bool any = false;
    for (const fs::path& file : sorted_entries(path)) {
      const std::string ending = file.extension().string();
      if (ending == ".safetensors" || ending == ".json") any = count(file, entry) || any;
    }
    return any;
  }
  const auto split = gguf::parse_split_name(path.filename().string());
  if (!split) return count(path, entry);
  // A part that is missing is said when the model is opened.
  constexpr uint32_t kMostParts = 1000;
  for (uint32_t part = 1; part <= std::min(split->n_parts, kMostParts); ++part)
    count(path.parent_path() / split->file_name(part), entry);
  return true;
}

}  // namespace

const CatalogEntry* Catalog::read_stored(const store::Store& store, const store::ManifestFile& file) {
  const auto read_at = std::chrono::system_clock::now();
  const std::string& path = file.path.native();
  const auto stamp = store::FileStamp::of_entry(path);
  Remembered& remembered = stored_[path];
  remembered.seen_by = n_looks_;
  if (stamp && remembered.is_settled && remembered.stamp == *stamp) return &remembered.entry;
  auto read = StoredModel::read(store, file);
  if (!read) {
    warnings_.push_back(read.error().message() + "; it is left out");
    stored_.erase(path);
    return nullptr;
  }
  remembered.stamp = stamp.value_or(store::FileStamp());
  remembered.is_settled = stamp && stamp->is_settled(read_at);
  remembered.entry = entry_of(std::make_shared<const StoredModel>(std::move(*read)));
  return &remembered.entry;
}

void Catalog::scan_store() {
  const auto store = store::Store::open(path_);
  const auto looked = store ? index_.look() : store.error();
  if (!looked) {
    warnings_.push_back(looked.error().message());
    return;
  }
  ++n_looks_;
  for (const auto& [key, file] : index_.by_key()) {
    if (const CatalogEntry* entry = read_stored(*store, file))
      by_key_.emplace_hint(by_key_.end(), key, entry);
  }
  std::erase_if(stored_, [this](const auto& stored) { return stored.second.seen_by != n_looks_; });
}

void Catalog::add(const fs::path& path) {
  const auto stem = stem_of(path);
  if (!stem) return;
  CatalogEntry entry;
  entry.name = name_of(*stem);
  entry.path = path.string();
  const std::string file = excerpt(path.filename().string());
  if (entry.name.empty()) {
    warnings_.push_back(fmt::format("{}: no model's name can be made of it; it is left out", file));
    return;
  }
  if (!count_files(path, entry)) {
    warnings_.push_back(fmt::format("{}: cannot be read; it is left out", file));
    return;
  }
  entry.digest = store::Digest::of(fmt::format("{}\n{}\n{}", entry.path, entry.size_bytes,
                                               entry.modified_at.time_since_epoch().count()))
                     .hex();
  const auto [at, is_new] = by_key_.try_emplace(store::ModelName::parse(entry.name)->key(), nullptr);
  if (is_new) {
    at->second = &files_.emplace_back(std::move(entry));
    return;
  }
  warnings_.push_back(fmt::format("{}: {} is {} already; rename one of them", file, entry.name,
                                  excerpt(fs::path(at->second->path).filename().string())));
}

bool Catalog::is_one_model() const {
  std::error_code error;
  return !fs::is_directory(path_, error) || fs::exists(path_ / "config.json", error);
}

void Catalog::scan() {
  by_key_.clear();
  files_.clear();
  warnings_.clear();
  if (is_one_model()) return add(path_.has_filename() ? path_ : path_.parent_path());
  scan_store();
  for (const fs::path& path : sorted_entries(path_)) add(path);
}

std::vector<CatalogEntry> Catalog::entries() {
  scan();
  std::vector<CatalogEntry> entries;
  entries.reserve(by_key_.size());
  for (const auto& [key, entry] : by_key_) entries.push_back(*entry);
  return entries;
}

Result<CatalogEntry> Catalog::find(std::string_view name) {
  const auto wanted = store::ModelName::parse(name);
  if (!wanted) return make_error(ErrorCode::kNotFound, "model '{}' not found", excerpt(name));
  // In the spelling that the store has, which is the usual one, it is found without looking at others.
  const auto store = store::Store::open(path_);
  if (store && !is_one_model()) {
    if (const auto file = store->manifest_file(*wanted)) {
      if (const CatalogEntry* entry = read_stored(*store, *file)) return *entry;
    }
  }
  scan();
  const auto found = by_key_.find(wanted->key());
  if (found != by_key_.end()) return *found->second;
  return make_error(ErrorCode::kNotFound, "model '{}' not found", excerpt(name));
}

}  // namespace hearth::server
