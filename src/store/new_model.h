// A new model of the store: weights that are there, words around them, and a name for both. Layers, their
// order and their bytes are Ollama's (docs/store.md).
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_descriptor.h"
#include "store/model_config.h"
#include "store/store.h"

namespace hearth::store {

// What stands around the weights. Nothing: as in the model that it comes from. Empty: none.
struct ModelTexts {
  std::optional<std::string> template_source;
  std::optional<std::string> system;
  std::vector<std::string> licenses;                 // besides those that are there
  std::optional<nlohmann::ordered_json> parameters;  // an object: all of them
  std::optional<nlohmann::ordered_json> messages;    // [{"role": ..., "content": ...}]
  std::string requires_version;                      // empty: as it was
};

struct NewModel {
  ModelName name;
  std::vector<Layer> layers;  // of the weights, or of the model that it comes from
  std::string config;         // JSON, whose layer digests are yet to be set
  ModelTexts texts;
};

// Writes what is new and makes `name` stand for it. What was done, in Ollama's words: "creating new layer
// sha256:...", "writing manifest", "success". The blobs of `layers` must be there, and held until this
// returns. Errors: those of Store::write_blob and Store::write_manifest.
Result<std::vector<std::string>> create_model(const Store& store, NewModel model);

}  // namespace hearth::store
