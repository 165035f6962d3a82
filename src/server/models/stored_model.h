// A model of the store, as the front knows it: its manifest and its config, and no byte of its weights.
#pragma once

#include <string>

#include "store/model_config.h"
#include "store/store.h"

namespace hearth::server {

struct StoredModel {
  store::Store store;  // that it is in
  store::StoredManifest manifest;
  store::ModelConfig config;
  // Why it cannot be loaded, in a sentence for people; empty: it can.
  std::string unusable;

  // kMalformed where its manifest is none.
  static Result<StoredModel> read(const store::Store& store, const store::ManifestFile& file);
  // The layer of its weights. Only where it is usable.
  const store::Layer& weights() const;
};

}  // namespace hearth::server
