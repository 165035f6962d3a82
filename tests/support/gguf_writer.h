// Writes GGUF files for tests, so that no test needs a file that the project does not ship. Layout:
// docs/formats/gguf.md.
//
//   GgufWriter writer;
//   writer.add_string("general.architecture", "llama").add_u32("llama.block_count", 2);
//   writer.add_tensor("output.weight", {2, 2}, {1, 2, 3, 4});
//   const std::string bytes = writer.build();  // or writer.write(path)
//
// Knows no reader: what it writes is checked against bytes written by hand. What the caller asks for is
// written, right or wrong (duplicate keys, data of the wrong size), since tests want both.
#pragma once

#include <concepts>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "tensor/tensor.h"

namespace hearth::testing {

// The pieces that a GGUF file is made of, one behind the other; also the way to write a broken one.
class GgufBytes {
 public:
  template <typename T>
  requires std::is_arithmetic_v<T> GgufBytes& number(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
    return *this;
  }
  GgufBytes& u32(uint32_t value) { return number(value); }
  GgufBytes& u64(uint64_t value) { return number(value); }
  GgufBytes& raw(std::string_view bytes) {
    bytes_ += bytes;
    return *this;
  }
  // With its length before it.
  GgufBytes& string(std::string_view text) { return u64(text.size()).raw(text); }
  // Magic, version and counts: 24 bytes.
  GgufBytes& header(uint64_t n_tensors, uint64_t n_metadata, uint32_t version = 3) {
    return raw("GGUF").u32(version).u64(n_tensors).u64(n_metadata);
  }
  // A descriptor; `dims` as the file has them, innermost first.
  GgufBytes& tensor(std::string_view name, std::span<const uint64_t> dims, uint32_t type, uint64_t offset);
  GgufBytes& tensor(std::string_view name, std::initializer_list<uint64_t> dims, uint32_t type,
                    uint64_t offset) {
    return tensor(name, std::span(dims.begin(), dims.size()), type, offset);
  }
  // Zeros up to the next multiple.
  GgufBytes& pad_to(uint64_t alignment);

  const std::string& bytes() const noexcept { return bytes_; }

 private:
  std::string bytes_;
};

// The id by which metadata names the type T of a number or bool.
template <typename T>
constexpr uint32_t gguf_value_type() {
  if constexpr (std::same_as<T, uint8_t>) return 0;
  if constexpr (std::same_as<T, int8_t>) return 1;
  if constexpr (std::same_as<T, uint16_t>) return 2;
  if constexpr (std::same_as<T, int16_t>) return 3;
  if constexpr (std::same_as<T, uint32_t>) return 4;
  if constexpr (std::same_as<T, int32_t>) return 5;
  if constexpr (std::same_as<T, float>) return 6;
  if constexpr (std::same_as<T, bool>) return 7;
  if constexpr (std::same_as<T, uint64_t>) return 10;
  if constexpr (std::same_as<T, int64_t>) return 11;
  if constexpr (std::same_as<T, double>) return 12;
}
constexpr uint32_t kGgufString = 8;
constexpr uint32_t kGgufArray = 9;

// Writes what was added, in the order of the calls.
class GgufWriter {
 public:
  explicit GgufWriter(uint32_t version = 3) : version_(version) {}

  // A number or bool of exactly the type T: add<uint16_t>("split.no", 0).
  template <typename T>
  requires std::is_arithmetic_v<T> GgufWriter& add(std::string_view key, std::type_identity_t<T> value) {
    return add_pair(key, GgufBytes().u32(gguf_value_type<T>()).number(value));
  }
  GgufWriter& add_u32(std::string_view key, uint32_t value) { return add<uint32_t>(key, value); }
  GgufWriter& add_i32(std::string_view key, int32_t value) { return add<int32_t>(key, value); }
  GgufWriter& add_u64(std::string_view key, uint64_t value) { return add<uint64_t>(key, value); }
  GgufWriter& add_f32(std::string_view key, float value) { return add<float>(key, value); }
  GgufWriter& add_bool(std::string_view key, bool value) { return add<bool>(key, value); }
  GgufWriter& add_string(std::string_view key, std::string_view value) {
    return add_pair(key, GgufBytes().u32(kGgufString).string(value));
  }

  // An array of exactly the type T; T = bool too.
  template <typename T>
  requires std::is_arithmetic_v<T> GgufWriter& add_array(std::string_view key, const std::vector<T>& values) {
    GgufBytes bytes;
    bytes.u32(kGgufArray).u32(gguf_value_type<T>()).u64(values.size());
    for (const T value : values) bytes.number(value);
    return add_pair(key, bytes);
  }
  GgufWriter& add_strings(std::string_view key, const std::vector<std::string>& values);

  // Shapes are outermost first, as everywhere in Hearth.
  GgufWriter& add_tensor(std::string_view name, const tensor::Shape& shape, tensor::DType dtype,
                         std::string_view data);
  GgufWriter& add_tensor(std::string_view name, const tensor::Shape& shape, const std::vector<float>& values);
  // Of zeros, as many as the shape takes.
  GgufWriter& add_zeros(std::string_view name, const tensor::Shape& shape, tensor::DType dtype);

  // Writes general.alignment and aligns the data to it (32 without it).
  GgufWriter& set_alignment(uint32_t alignment);

  std::string build() const;
  void write(const std::filesystem::path& path) const;

  // As a split of `n_parts`: the metadata in the first part, the tensors spread over all in order, and
  // split.no, split.count and split.tensors.count in each. Returns the bytes of the parts, or writes
  // NAME-00001-of-0000N.gguf ... into `folder` and returns their paths.
  std::vector<std::string> build_split(uint32_t n_parts) const;
  std::vector<std::filesystem::path> write_split(const std::filesystem::path& folder, std::string_view name,
                                                 uint32_t n_parts) const;

 private:
  struct Tensor {
    std::string name;
    tensor::Shape shape;
    tensor::DType dtype;
    std::string data;
  };

  GgufWriter& add_pair(std::string_view key, const GgufBytes& type_and_value);
  std::string build_from(std::span<const Tensor> tensors) const;

  uint32_t version_;
  uint32_t alignment_ = 32;
  bool has_alignment_ = false;
  uint64_t n_metadata_ = 0;
  GgufBytes metadata_;
  std::vector<Tensor> tensors_;
};

}  // namespace hearth::testing
