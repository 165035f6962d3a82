// The files of a model, opened by the front for an engine process, which may not open any.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_descriptor.h"
#include "server/models/model_service.h"

namespace hearth::server {

struct ModelFiles {
  struct File {
    std::string name;             // "tiny.gguf", "qwen/config.json": never the path on this machine
    UniqueDescriptor descriptor;  // open for reading
  };
  std::string name;  // of the model among them: one of the files, or the folder that all of them are in
  std::vector<File> files;
  std::string chat_template = {};  // in the place of the model's own; empty: none is
  std::string adapter = {};        // one of the files, which is applied; empty: none is
  int output = -1;  // borrowed: open for writing, for what the engine makes of the model; negative: none
};

// Of a GGUF file (of a split one, all parts), or of a Hugging Face folder, of which what a model can need.
// Links in a folder that lead out of it are refused, but for those of Hugging Face's cache
// (safetensors::Folder). Errors: kNotFound, kIo, kInvalidArgument for what is no regular file.
Result<ModelFiles> open_model_files(const std::filesystem::path& path);

// Of a model of the catalog. In the store those are blobs, which count as in use as long as their
// descriptors, or the engine's copies of them, are open; kUnsupported where it cannot be loaded.
Result<ModelFiles> open_model_files(const CatalogEntry& entry);

}  // namespace hearth::server
