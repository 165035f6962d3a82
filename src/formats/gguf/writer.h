// Writes GGUF files of version 3, front to back, through a sink: a file, a blob of the store, a socket.
// Layout: docs/formats/gguf.md.
//
//   FileDraft draft;
//   for (const MetadataEntry& entry : source.metadata()) draft.set(entry.key, entry.value);
//   draft.set_number<uint32_t>("general.file_type", 7);
//   for (...) draft.add_tensor(name, DType::kQ8_0, shape);
//   HEARTH_ASSIGN(Writer writer, Writer::begin(draft, sink));
//   for (...) HEARTH_TRY(writer.append(bytes));  // the data of the tensors, in their order
//   HEARTH_TRY(writer.finish());
//
// What File::parse reads of it is what was put in, and of two drafts that are the same, the bytes are, too.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "formats/gguf/gguf.h"
#include "tensor/tensor.h"

namespace hearth::gguf {

// Takes the next bytes of a file. An error ends the writing, and is what its caller returns.
using ByteSink = std::function<Result<void>(std::span<const std::byte>)>;

// The type by which metadata names the numbers (and bools) of type T.
template <typename T>
requires std::is_arithmetic_v<T>
constexpr ValueType value_type_of() {
  if constexpr (std::same_as<T, uint8_t>) return ValueType::kU8;
  if constexpr (std::same_as<T, int8_t>) return ValueType::kI8;
  if constexpr (std::same_as<T, uint16_t>) return ValueType::kU16;
  if constexpr (std::same_as<T, int16_t>) return ValueType::kI16;
  if constexpr (std::same_as<T, uint32_t>) return ValueType::kU32;
  if constexpr (std::same_as<T, int32_t>) return ValueType::kI32;
  if constexpr (std::same_as<T, float>) return ValueType::kF32;
  if constexpr (std::same_as<T, bool>) return ValueType::kBool;
  if constexpr (std::same_as<T, uint64_t>) return ValueType::kU64;
  if constexpr (std::same_as<T, int64_t>) return ValueType::kI64;
  if constexpr (std::same_as<T, double>) return ValueType::kF64;
}

// What stands before the data: pairs and descriptors, in the order in which they were added. Keeps copies.
class FileDraft {
 public:
  // Sets a key, in the place where it stands, or behind the others. general.alignment aligns the data.
  void set(std::string_view key, const Value& value);
  void set_string(std::string_view key, std::string_view text);
  void set_strings(std::string_view key, std::span<const std::string_view> texts);
  // Of exactly the type T: set_number<uint32_t>("general.file_type", 7).
  template <typename T>
  void set_number(std::string_view key, std::type_identity_t<T> value) {
    set(key, Value(value_type_of<T>(), std::as_bytes(std::span(&value, 1))));
  }
  template <typename T>
  void set_numbers(std::string_view key, std::span<const T> values) {
    set(key, Value(value_type_of<T>(), values.size(), std::as_bytes(values)));
  }
  // Does nothing where there is no such key.
  void remove(std::string_view key);

  // The shape is outermost first, as everywhere in Hearth. What is wrong with it, Writer::begin says.
  void add_tensor(std::string_view name, tensor::DType dtype, const tensor::Shape& shape);

 private:
  friend class Writer;
  struct Pair {
    std::string key;
    ValueType type;
    ValueType element_type;  // of an array
    uint64_t count;
    std::string bytes;

    Value value() const;
  };
  struct Tensor {
    std::string name;
    tensor::DType dtype;
    tensor::Shape shape;
  };

  const Pair* find(std::string_view key) const;

  std::vector<Pair> pairs_;
  std::unordered_map<std::string, size_t> pairs_by_key_;
  std::vector<Tensor> tensors_;
};

// Holds the descriptors and no data: memory does not grow with the model. Not thread-safe.
class Writer {
 public:
  // Gives the sink nothing yet. kInvalidArgument, naming key or tensor, for what File::parse would refuse:
  // empty, long or repeated names, an alignment, a shape or a type that GGUF has not, rows that are no whole
  // number of blocks.
  static Result<Writer> begin(const FileDraft& draft, ByteSink sink);

  // Of the whole file.
  uint64_t size_bytes() const noexcept { return size_bytes_; }

  // The data of the tensors one after another, in pieces of any size, which end where they please; what
  // stands before and between them is added. No more than the tensors take. Errors are the sink's; after one,
  // nothing else is to be called.
  Result<void> append(std::span<const std::byte> bytes);
  // Once all data was appended.
  Result<void> finish();

 private:
  explicit Writer(ByteSink sink) : sink_(std::move(sink)) {}
  Result<void> write_head();
  // Goes on to the next tensor where this one is complete.
  Result<void> pad_complete();

  ByteSink sink_;
  std::string head_;  // all that stands before the data, until it is written
  uint32_t alignment_ = 0;
  uint64_t size_bytes_ = 0;
  std::vector<uint64_t> tensor_bytes_;
  size_t tensor_ = 0;      // the one that is being written
  uint64_t appended_ = 0;  // bytes of it
};

}  // namespace hearth::gguf
