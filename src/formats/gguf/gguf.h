// GGUF, the file format of quantised models: bytes to descriptors, nothing else. Layout:
// docs/formats/gguf.md.
//
// The file is untrusted. Every count, length, offset and product is checked before it is used; parsing
// allocates at most 64 MiB beyond what the mapped file itself takes; strings, arrays and tensor data are
// views into the mapping.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_source.h"
#include "base/mapped_file.h"
#include "base/result.h"
#include "tensor/tensor.h"

namespace hearth::gguf {

enum class ValueType : uint32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12,
};
std::string_view value_type_name(ValueType type) noexcept;  // "u32", "string", ...

// One metadata value: a view into the file, checked when the file was parsed.
class Value {
 public:
  Value() = default;  // the empty string
  // `bytes` has been checked to hold exactly one value of `type` (of a string: its text, without the length
  // before it) ...
  Value(ValueType type, std::span<const std::byte> bytes) : type_(type), bytes_(bytes) {}
  // ... or `count` elements of an array, as they stand in the file.
  Value(ValueType element_type, uint64_t count, std::span<const std::byte> bytes)
      : type_(ValueType::kArray), element_type_(element_type), count_(count), bytes_(bytes) {}

  ValueType type() const noexcept { return type_; }
  bool is_array() const noexcept { return type_ == ValueType::kArray; }
  ValueType element_type() const noexcept { return element_type_; }  // of an array
  uint64_t count() const noexcept { return count_; }                 // elements of an array
  // As given to the constructor: what a file has of it, without type, count, and a string's length.
  std::span<const std::byte> bytes() const noexcept { return bytes_; }

  // The value, or nothing where it is of another kind. Any integer type serves as_u64 / as_i64 if it is in
  // range; as_f64 takes any number.
  std::optional<uint64_t> as_u64() const noexcept;
  std::optional<int64_t> as_i64() const noexcept;
  std::optional<double> as_f64() const noexcept;
  std::optional<bool> as_bool() const noexcept;
  std::optional<std::string_view> as_string() const noexcept;
  // Arrays, element by element in the file's order; nothing where an element does not fit. as_integers takes
  // bools as 0 and 1, since per-layer patterns are written either way.
  std::optional<std::vector<std::string_view>> as_strings() const;
  std::optional<std::vector<float>> as_floats() const;
  std::optional<std::vector<int64_t>> as_integers() const;

  // For people: numbers and strings as they are, arrays as their first elements and count; escaped, at most
  // `max_length` characters.
  std::string to_string(size_t max_length = 80) const;

 private:
  ValueType type_ = ValueType::kString;
  ValueType element_type_ = ValueType::kString;
  uint64_t count_ = 0;
  std::span<const std::byte> bytes_;
};

struct MetadataEntry {
  std::string_view key;
  Value value;
};

// Typed access to values by key, whoever holds them.
class KeyValues {
 public:
  // Of the file, for errors.
  virtual const std::string& name() const noexcept = 0;
  virtual const Value* find(std::string_view key) const noexcept = 0;

  // The value of a key that must be there (kMalformed, naming key and type, otherwise) ...
  Result<uint64_t> u64(std::string_view key) const;
  Result<double> f64(std::string_view key) const;
  Result<std::string_view> string(std::string_view key) const;
  // ... or that may be absent; one that is there but of another type is still an error.
  Result<uint64_t> u64_or(std::string_view key, uint64_t fallback) const;
  Result<double> f64_or(std::string_view key, double fallback) const;
  Result<bool> bool_or(std::string_view key, bool fallback) const;
  Result<std::string_view> string_or(std::string_view key, std::string_view fallback) const;

 protected:
  KeyValues() = default;
  KeyValues(const KeyValues&) = default;
  KeyValues(KeyValues&&) = default;
  KeyValues& operator=(const KeyValues&) = default;
  KeyValues& operator=(KeyValues&&) = default;
  ~KeyValues() = default;
};

struct TensorInfo {
  std::string_view name;
  tensor::DType dtype;
  tensor::Shape shape;  // outermost first: the reverse of the order in the file
  uint64_t size_bytes = 0;
  std::span<const std::byte> data;  // in the mapping of the file (of a split: of its part)
};

// A GGUF file, or a set of split files, opened and checked. Immutable, so thread-safe. What it hands out
// lives as long as it does.
class File final : public KeyValues {
 public:
  // Opens `path`. If it is a part of a split (NAME-00001-of-0000N.gguf), opens every part beside it; the
  // metadata is that of the first part. Errors name the file, the place in it, what was expected and what
  // came.
  static Result<File> open(const std::filesystem::path& path) { return open(file_system(), path); }
  static Result<File> open(const FileSource& source, const std::filesystem::path& path);
  // The same for bytes in memory, which must outlive the File: tests and fuzzers. No splits.
  static Result<File> parse(std::span<const std::byte> bytes, std::string name);

  const std::string& name() const noexcept override { return name_; }
  uint32_t version() const noexcept { return version_; }
  uint64_t size_bytes() const noexcept { return size_bytes_; }  // all parts together
  size_t n_parts() const noexcept { return n_parts_; }
  uint32_t alignment() const noexcept { return alignment_; }

  std::span<const MetadataEntry> metadata() const noexcept { return metadata_; }
  const Value* find(std::string_view key) const noexcept override;

  std::span<const TensorInfo> tensors() const noexcept { return tensors_; }
  const TensorInfo* find_tensor(std::string_view name) const noexcept;
  // The tensor will not be read again soon: its pages need not stay in memory, where a file is mapped.
  void release(const TensorInfo& tensor) const noexcept;

 private:
  friend class Parser;
  File() = default;

  std::string name_;
  uint32_t version_ = 0;
  uint32_t alignment_ = 32;
  uint64_t size_bytes_ = 0;
  size_t n_parts_ = 1;
  std::vector<std::shared_ptr<const MappedFile>> parts_;
  std::vector<MetadataEntry> metadata_;
  std::vector<TensorInfo> tensors_;
  std::vector<uint32_t> metadata_by_key_;  // indices, sorted by key
  std::vector<uint32_t> tensors_by_name_;  // indices, sorted by name
};

}  // namespace hearth::gguf
