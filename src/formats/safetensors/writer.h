// Writes safetensors files: the header, then the tensors' bytes one behind the other.
// Layout: docs/formats/safetensors.md.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "formats/safetensors/safetensors.h"

namespace hearth::safetensors {

struct DraftTensor {
  std::string name;  // none twice; UTF-8
  DType dtype = DType::kF32;
  std::vector<uint64_t> shape;
  std::span<const std::byte> data;  // as many bytes as type and shape need
};

// In place of a file that is there; the same bytes for the same tensors. Errors: OutputFile's.
Result<void> write_file(const std::filesystem::path& path, std::span<const DraftTensor> tensors,
                        std::span<const MetadataEntry> metadata);

}  // namespace hearth::safetensors
