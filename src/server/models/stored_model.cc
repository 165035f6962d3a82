#include "server/models/stored_model.h"

#include <algorithm>

namespace hearth::server {
namespace {

constexpr size_t kMaxConfigBytes = size_t{1} << 20U;

std::string reason_not_to_load(const store::Manifest& manifest) {
  namespace media = store::media_type;
  const auto n_weights = std::ranges::count(manifest.layers, media::kModel, &store::Layer::media_type);
  if (n_weights == 0) return "it has no GGUF file among its layers";
  if (n_weights > 1) return "its weights are split over several layers, which this version does not load";
  if (manifest.first(media::kAdapter) != nullptr)
    return "it has an adapter, which this version does not apply";
  return "";
}

}  // namespace

Result<StoredModel> StoredModel::read(const store::Store& store, const store::ManifestFile& file) {
  HEARTH_ASSIGN(store::StoredManifest manifest, store.read_manifest(file));
  StoredModel model{store, std::move(manifest), {}, ""};
  model.unusable = reason_not_to_load(model.manifest.manifest);
  // Only told, and never relied on: without it the model is as good.
  if (const auto bytes = store.read_blob(model.manifest.manifest.config.digest, kMaxConfigBytes)) {
    if (auto config = store::ModelConfig::parse(*bytes)) model.config = std::move(*config);
  }
  return model;
}

const store::Layer& StoredModel::weights() const {
  const store::Layer* layer = manifest.manifest.first(store::media_type::kModel);
  HEARTH_CHECK(layer != nullptr);
  return *layer;
}

}  // namespace hearth::server
