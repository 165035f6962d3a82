// A model as Hugging Face has it: a folder of config.json, safetensors files and tokenizer.json. What of it
// is read, and how it becomes GGUF's terms: docs/formats/huggingface.md.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "formats/safetensors/folder.h"
#include "models/checkpoint.h"
#include "models/huggingface/key_values.h"
#include "models/huggingface/tensors.h"

namespace hearth::models {

class FolderCheckpoint final : public Checkpoint {
 public:
  // Errors name the folder and the file in it: kNotFound where one is missing; kUnsupported for an
  // architecture, an option, a tensor or a type that Hearth does not know; kMalformed.
  static Result<std::unique_ptr<const Checkpoint>> open(const std::filesystem::path& path) {
    return open(file_system(), path);
  }
  // `source` must outlive the checkpoint.
  static Result<std::unique_ptr<const Checkpoint>> open(const FileSource& source,
                                                        const std::filesystem::path& path);

  const std::string& name() const noexcept override { return name_; }
  const gguf::Value* find(std::string_view key) const noexcept override { return metadata_.find(key); }
  CheckpointFiles files() const override;
  std::span<const gguf::MetadataEntry> metadata() const noexcept override { return metadata_.entries(); }
  std::span<const gguf::TensorInfo> tensors() const noexcept override { return tensors_.infos(); }
  const gguf::TensorInfo* find_tensor(std::string_view name) const noexcept override {
    return tensors_.find(name);
  }
  Result<std::span<const std::byte>> data(const gguf::TensorInfo& tensor) const override {
    return tensors_.data(tensor);
  }
  std::span<const int32_t> column_order(std::string_view name) const noexcept override {
    return tensors_.column_order(name);
  }
  Result<std::unique_ptr<const text::Tokenizer>> load_tokenizer() const override;

 private:
  FolderCheckpoint(std::string name, safetensors::Folder folder, OwnedMetadata metadata,
                   HuggingFaceTensors tensors, std::vector<int64_t> eos_ids, int64_t n_embeddings)
      : name_(std::move(name)),
        folder_(std::move(folder)),
        metadata_(std::move(metadata)),
        tensors_(std::move(tensors)),
        eos_ids_(std::move(eos_ids)),
        n_embeddings_(n_embeddings) {}
  static Result<std::unique_ptr<FolderCheckpoint>> read(safetensors::Folder folder, std::string name);

  std::string name_;
  safetensors::Folder folder_;
  OwnedMetadata metadata_;
  mutable HuggingFaceTensors tensors_;  // converts when it is asked
  std::vector<int64_t> eos_ids_;        // each ends an answer
  int64_t n_embeddings_;
};

}  // namespace hearth::models
