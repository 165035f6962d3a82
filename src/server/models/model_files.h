// The files of a model, opened by the front for an engine process, which may not open any.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_descriptor.h"
#include "server/models/model_service.h"

namespace hearth::server {

// What is applied to a model's weights.
struct AdapterFile {
  std::string id;    // of these bytes and no others
  std::string name;  // "adapter.gguf": for messages
  UniqueDescriptor descriptor;
  uint64_t size_bytes = 0;
};

struct ModelFiles {
  struct File {
    std::string name;             // "tiny.gguf", "qwen/config.json": never the path on this machine
    UniqueDescriptor descriptor;  // open for reading
  };
  std::string name;  // of the model among them: one of the files, or the folder that all of them are in
  std::vector<File> files;
  std::string chat_template = {};  // in the place of the model's own; empty: none is
  // The same for models that are computed from the same files and have the same template, whatever is applied
  // to them: one engine may serve all of these.
  std::string weights_id = {};
  std::optional<AdapterFile> adapter = {};
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
