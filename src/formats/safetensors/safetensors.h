// safetensors, the file format of Hugging Face's weights: bytes to descriptors, nothing else. Layout:
// docs/formats/safetensors.md.
//
// The file is untrusted. The header must be the JSON that the format describes and nothing else; every size
// and offset is checked before it is used; tensor data are views into the mapping, which the tensors fill
// without gaps and without overlaps.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mapped_file.h"
#include "base/result.h"

namespace hearth::safetensors {

enum class DType : uint8_t {
  kBool,
  kF4,
  kF6E2M3,
  kF6E3M2,
  kU8,
  kI8,
  kF8E5M2,
  kF8E4M3,
  kF8E8M0,
  kI16,
  kU16,
  kF16,
  kBF16,
  kI32,
  kU32,
  kF32,
  kC64,
  kF64,
  kI64,
  kU64,
};
std::string_view dtype_name(DType dtype) noexcept;  // "BF16", as files have it
uint32_t dtype_bits(DType dtype) noexcept;
std::optional<DType> dtype_from_name(std::string_view name) noexcept;

struct TensorInfo {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<uint64_t> shape;      // outermost first; empty: a scalar
  std::span<const std::byte> data;  // in the mapping; aligned as the file has it, which may be not at all
};
std::string shape_text(std::span<const uint64_t> shape);  // "[4096, 1024]"

struct MetadataEntry {
  std::string key;
  std::string value;
};

// A file opened and checked. Immutable, so thread-safe. What it hands out lives as long as it does.
class File {
 public:
  // Errors name the file, the place in it, what was expected and what came.
  static Result<File> of(MappedFile mapped, std::string name);
  // The same for bytes in memory, which must outlive the File.
  static Result<File> parse(std::span<const std::byte> bytes, std::string name);

  const std::string& name() const noexcept { return name_; }
  uint64_t size_bytes() const noexcept { return size_bytes_; }
  std::span<const MetadataEntry> metadata() const noexcept { return metadata_; }  // "__metadata__"

  // In the order of their data.
  std::span<const TensorInfo> tensors() const noexcept { return tensors_; }
  const TensorInfo* find_tensor(std::string_view name) const noexcept;

 private:
  File() = default;

  std::string name_;
  uint64_t size_bytes_ = 0;
  std::shared_ptr<const MappedFile> mapping_;
  std::vector<MetadataEntry> metadata_;
  std::vector<TensorInfo> tensors_;
  std::vector<uint32_t> by_name_;  // indices, sorted by name
};

}  // namespace hearth::safetensors
