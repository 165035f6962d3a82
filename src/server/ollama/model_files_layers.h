// Files that a new model is made of, as layers of its manifest.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "protocol/engine.pb.h"
#include "store/model_config.h"
#include "store/store.h"

namespace hearth::server::ollama {

// A blob of the store, and what its file was called.
struct UploadedFile {
  std::string name;
  store::Digest digest;
};

// One GGUF file, all parts of a split one in any order, or the files of a Hugging Face folder (safetensors,
// config.json, the tokenizer's). The blobs must be there. kInvalidArgument, naming the file; kNotFound.
Result<std::vector<store::Layer>> layers_of(const store::Store& store,
                                            const std::vector<UploadedFile>& files);

// The layer of an adapter. The same errors.
Result<store::Layer> adapter_layer(const store::Store& store, const UploadedFile& file);

// What the config blob says of a model that an engine has looked at.
store::ModelConfig config_of(const protocol::Opened& opened);

}  // namespace hearth::server::ollama
