// A model as it lies on disk, whatever the format: the one thing that families, tokenizers and commands see.
//
// GGUF's names are the common language: hyperparameters stand under its keys ("llama.block_count"), tensors
// under its names ("blk.0.attn_q.weight") in its shapes and with its meaning (docs/formats/gguf.md). A GGUF
// file is that already; another format is put in these terms when it is opened, and families do not learn of
// it. The text of the chat template is "tokenizer.chat_template".
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "formats/gguf/gguf.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::models {

// How a checkpoint lies on disk, for people.
struct CheckpointFiles {
  std::string format;  // "GGUF version 3"
  uint64_t size_bytes = 0;
  size_t n_parts = 1;
};

// Immutable but for data(). What it hands out lives as long as it does.
class Checkpoint : public gguf::KeyValues {
 public:
  virtual ~Checkpoint() = default;

  virtual CheckpointFiles files() const = 0;
  virtual std::span<const gguf::MetadataEntry> metadata() const noexcept = 0;

  virtual std::span<const gguf::TensorInfo> tensors() const noexcept = 0;
  virtual const gguf::TensorInfo* find_tensor(std::string_view name) const noexcept = 0;
  // The bytes of one of tensors(), in the type and shape that it says. A tensor that lies on disk in another
  // form is converted the first time: until then its TensorInfo::data is empty. Not thread-safe. Errors: what
  // is wrong with the tensor's contents; kResourceExhausted.
  virtual Result<std::span<const std::byte>> data(const gguf::TensorInfo& tensor) const = 0;

  // The tensor will not be read again soon: what its bytes take may be given back to the system.
  virtual void release(const gguf::TensorInfo& /*tensor*/) const noexcept {}

  // The order in which a matrix has its columns: column j belongs to element order[j] of its input. A
  // permutation; empty, as of everything in GGUF: their own.
  virtual std::span<const int32_t> column_order(std::string_view /*name*/) const noexcept { return {}; }

  // The tokenizer does not need the checkpoint any more. Errors name the file and the entry.
  virtual Result<std::unique_ptr<const text::Tokenizer>> load_tokenizer() const = 0;

 protected:
  Checkpoint() = default;
  Checkpoint(const Checkpoint&) = default;
  Checkpoint(Checkpoint&&) = default;
  Checkpoint& operator=(const Checkpoint&) = default;
  Checkpoint& operator=(Checkpoint&&) = default;
};

// A GGUF file as it is. Its copies share the mapping.
class GgufCheckpoint final : public Checkpoint {
 public:
  explicit GgufCheckpoint(gguf::File file) : file_(std::move(file)) {}

  const std::string& name() const noexcept override { return file_.name(); }
  const gguf::Value* find(std::string_view key) const noexcept override { return file_.find(key); }
  CheckpointFiles files() const override;
  std::span<const gguf::MetadataEntry> metadata() const noexcept override { return file_.metadata(); }
  std::span<const gguf::TensorInfo> tensors() const noexcept override { return file_.tensors(); }
  const gguf::TensorInfo* find_tensor(std::string_view name) const noexcept override {
    return file_.find_tensor(name);
  }
  Result<std::span<const std::byte>> data(const gguf::TensorInfo& tensor) const override {
    return tensor.data;
  }
  void release(const gguf::TensorInfo& tensor) const noexcept override { file_.release(tensor); }
  Result<std::unique_ptr<const text::Tokenizer>> load_tokenizer() const override;

 private:
  gguf::File file_;
};

// Opens whatever `path` is: a GGUF file or a part of a split one, or a Hugging Face folder. Errors: those of
// gguf::File::open and FolderCheckpoint::open. `source` must outlive the checkpoint.
Result<std::unique_ptr<const Checkpoint>> open_checkpoint(const FileSource& source,
                                                          const std::filesystem::path& path);
Result<std::unique_ptr<const Checkpoint>> open_checkpoint(const std::filesystem::path& path);

}  // namespace hearth::models
