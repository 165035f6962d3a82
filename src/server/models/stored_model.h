// A model of the store, as the front knows it: its manifest and its config, and no byte of its weights.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/model_config.h"
#include "store/store.h"

namespace hearth::server {

// Whether a layer that is a file of a folder may bear this name: of a file in it, and nowhere else.
bool is_folder_file_name(std::string_view name);

struct StoredModel {
  store::Store store;  // that it is in
  store::StoredManifest manifest;
  store::ModelConfig config;
  // Why it cannot be loaded, in a sentence for people; empty: it can.
  std::string unusable;

  // kMalformed where its manifest is none.
  static Result<StoredModel> read(const store::Store& store, const store::ManifestFile& file);
  // What an engine reads it from.
  struct Files {
    struct File {
      std::string name;  // by which the engine finds it
      store::Digest digest;
      uint64_t size_bytes = 0;
    };
    std::string name;  // of the model among them: one of the files, or the folder that all of them are in
    std::vector<File> files;
    std::optional<File> adapter = {};  // a GGUF file that is applied
  };
  // One GGUF file, the parts of a split one, or the files of a Hugging Face folder, and an adapter. Only
  // where it is usable.
  Files files() const;
  // The template that stands over the weights' own; empty where there is none, or it is Go's and stands in
  // for a renderer that the config names, which is code of Ollama's. kIo, kMalformed where it is damaged.
  Result<std::string> chat_template() const;
};

}  // namespace hearth::server
