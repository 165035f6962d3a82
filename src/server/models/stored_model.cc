#include "server/models/stored_model.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/excerpt.h"
#include "base/json_text.h"
#include "formats/gguf/limits.h"
#include "formats/gguf/split.h"
#include "text/chat/template_language.h"

namespace hearth::server {
namespace {

constexpr size_t kMaxConfigBytes = size_t{1} << 20U;

std::string reason_not_to_load(const store::Manifest& manifest) {
  namespace media = store::media_type;
  const auto n_weights = std::ranges::count(manifest.layers, media::kModel, &store::Layer::media_type);
  const auto n_files = std::ranges::count(manifest.layers, media::kFolderFile, &store::Layer::media_type);
  if (n_weights == 0 && n_files == 0) return "it has no GGUF file among its layers";
  if (n_weights > 0 && n_files > 0)
    return "it has both a GGUF file and the files of a folder among its layers";
  if (static_cast<uint64_t>(n_weights) > gguf::kMaxParts)
    return fmt::format("its weights are split into {} parts, and {} are the most", n_weights,
                       gguf::kMaxParts);
  for (const store::Layer& layer : manifest.layers) {
    if (layer.media_type == media::kFolderFile && !is_folder_file_name(layer.name))
      return fmt::format("{} is no name of a file in a folder", quoted_excerpt(layer.name));
  }
  const auto n_adapters = std::ranges::count(manifest.layers, media::kAdapter, &store::Layer::media_type);
  if (n_adapters > 1) return fmt::format("it has {} adapters, and one is the most", n_adapters);
  return "";
}

// The parts of a GGUF file in their order: where all of them have names that say which one they are
// (NAME-00001-of-00003.gguf) in that, else in the manifest's.
std::vector<store::Layer> parts_of(const store::Manifest& manifest) {
  std::vector<store::Layer> parts;
  std::map<uint32_t, const store::Layer*> by_number;
  for (const store::Layer& layer : manifest.layers) {
    if (layer.media_type != store::media_type::kModel) continue;
    parts.push_back(layer);
    if (const auto split = gguf::parse_split_name(layer.name)) by_number.emplace(split->part, &layer);
  }
  if (by_number.size() != parts.size()) return parts;
  parts.clear();
  for (const auto& [number, layer] : by_number) parts.push_back(*layer);
  return parts;
}

// Whether the config says that code of Ollama's renders in the template's place.
bool names_renderer(const StoredModel& model) {
  const auto bytes = model.store.read_blob(model.manifest.manifest.config.digest, kMaxConfigBytes);
  if (!bytes) return false;
  const auto config = parse_json(*bytes);
  if (!config || !config->is_object()) return false;
  const auto renderer = config->find("renderer");
  return renderer != config->end() && renderer->is_string() && *renderer != "";
}

}  // namespace

bool is_folder_file_name(std::string_view name) {
  constexpr size_t kLongest = 255;
  return !name.empty() && name.size() <= kLongest && name.front() != '.' &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

Result<StoredModel> StoredModel::read(const store::Store& store, const store::ManifestFile& file) {
  HEARTH_ASSIGN(store::StoredManifest manifest, store.read_manifest(file));
  StoredModel model{store, std::move(manifest), {}, ""};
  model.unusable = reason_not_to_load(model.manifest.manifest);
  // Only told, and never relied on: without it the model is as good.
  if (const auto bytes = store.read_blob(model.manifest.manifest.config.digest, kMaxConfigBytes)) {
    if (auto config = store::ModelConfig::parse(*bytes)) model.config = std::move(*config);
  }
  if (model.unusable.empty() && !model.config.requires_version.empty()) {
    if (const auto allowed = store::check_requires(model.config.requires_version); !allowed)
      model.unusable = allowed.error().message();
  }
  return model;
}

StoredModel::Files StoredModel::files() const {
  namespace media = store::media_type;
  constexpr const char* kAdapterName = "adapter.gguf";
  Files found;
  const std::vector<store::Layer> parts = parts_of(manifest.manifest);
  for (const store::Layer& layer : manifest.manifest.layers) {
    if (layer.media_type == media::kFolderFile)
      found.files.push_back({fmt::format("model/{}", layer.name), layer.digest, layer.size_bytes});
  }
  if (const store::Layer* adapter = manifest.manifest.first(media::kAdapter); adapter != nullptr)
    found.adapter = {kAdapterName, adapter->digest, adapter->size_bytes};
  if (parts.empty()) {
    found.name = "model";
    return found;
  }
  found.name = parts.size() == 1
                   ? "model.gguf"
                   : gguf::SplitName{"model", 1, static_cast<uint32_t>(parts.size())}.file_name(1);
  const gguf::SplitName split{"model", 1, static_cast<uint32_t>(parts.size())};
  for (uint32_t i = 0; i < parts.size(); ++i)
    found.files.push_back(
        {parts.size() == 1 ? "model.gguf" : split.file_name(i + 1), parts[i].digest, parts[i].size_bytes});
  return found;
}

Result<std::string> StoredModel::chat_template() const {
  constexpr size_t kMaxTemplateBytes = size_t{8} << 20U;
  namespace media = store::media_type;
  for (const store::Layer& layer : manifest.manifest.layers) {
    if (layer.media_type != media::kTemplate && layer.media_type != media::kPrompt) continue;
    auto source = store.read_blob(layer.digest, kMaxTemplateBytes);
    if (!source) {
      // The error's own words have the path.
      const bool is_damaged = source.error().code() == ErrorCode::kMalformed;
      return make_error(source.error().code(), "layer {}: {}", layer.digest.text(),
                        is_damaged ? "is damaged" : "cannot be read");
    }
    const bool is_stand_in = text::is_go_template(*source) && names_renderer(*this);
    if (text::is_template(*source) && !is_stand_in) return source;
  }
  return std::string();
}

}  // namespace hearth::server
