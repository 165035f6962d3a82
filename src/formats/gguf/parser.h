// Makes a File of one or more GGUF files.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"
#include "formats/gguf/gguf.h"
#include "formats/gguf/metadata.h"
#include "formats/gguf/split.h"

namespace hearth::gguf {

class Parser {
 public:
  static Result<File> open(const FileSource& source, const std::filesystem::path& path);
  static Result<File> parse(std::span<const std::byte> bytes, std::string name);

 private:
  // What a part says besides its tensors.
  struct Part {
    uint32_t version = 0;
    uint32_t alignment = 0;
    Metadata metadata;
  };

  static Result<File> open_split(const FileSource& source, const std::filesystem::path& folder,
                                 const SplitName& name);
  Result<void> map_parts(const FileSource& source, const std::filesystem::path& folder,
                         const SplitName& name);
  Result<void> reserve_tensors(const SplitName& name);
  Result<Part> add_part(std::span<const std::byte> bytes);
  Result<File> finish(Part first, std::string name) &&;

  File file_;
};

}  // namespace hearth::gguf
