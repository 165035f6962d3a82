#include "models/checkpoint.h"

#include <fmt/format.h>

#include "models/huggingface/folder_checkpoint.h"
#include "models/tokenizer_gguf.h"

namespace hearth::models {

CheckpointFiles GgufCheckpoint::files() const {
  return {fmt::format("GGUF version {}", file_.version()), file_.size_bytes(), file_.n_parts()};
}

Result<std::unique_ptr<const text::Tokenizer>> GgufCheckpoint::load_tokenizer() const {
  return models::load_tokenizer(file_);
}

Result<std::unique_ptr<const Checkpoint>> open_checkpoint(const FileSource& source,
                                                          const std::filesystem::path& path) {
  if (source.is_folder(path)) return FolderCheckpoint::open(source, path);
  HEARTH_ASSIGN(gguf::File file, gguf::File::open(source, path));
  return std::unique_ptr<const Checkpoint>(std::make_unique<GgufCheckpoint>(std::move(file)));
}

Result<std::unique_ptr<const Checkpoint>> open_checkpoint(const std::filesystem::path& path) {
  return open_checkpoint(file_system(), path);
}

}  // namespace hearth::models
