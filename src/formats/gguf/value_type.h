// The encodings of metadata values: ids, sizes, and numbers out of bytes.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "base/check.h"
#include "formats/gguf/gguf.h"

namespace hearth::gguf {

static_assert(std::endian::native == std::endian::little,
              "GGUF's little-endian numbers are read as they are");

constexpr uint64_t kStringLengthBytes = 8;  // stands before every string

// Bytes of one value, or 0 for strings and arrays, whose size is in the file.
constexpr uint64_t fixed_size_bytes(ValueType type) noexcept {
  switch (type) {
    case ValueType::kU8:
    case ValueType::kI8:
    case ValueType::kBool:
      return 1;
    case ValueType::kU16:
    case ValueType::kI16:
      return 2;
    case ValueType::kU32:
    case ValueType::kI32:
    case ValueType::kF32:
      return 4;
    case ValueType::kU64:
    case ValueType::kI64:
    case ValueType::kF64:
      return 8;
    case ValueType::kString:
    case ValueType::kArray:
      return 0;
  }
  return 0;
}

constexpr std::optional<ValueType> value_type_from_id(uint32_t id) noexcept {
  if (id > static_cast<uint32_t>(ValueType::kF64)) return std::nullopt;
  return static_cast<ValueType>(id);
}

// The number at the front of `bytes`, which need not be aligned.
template <typename T>
T load(std::span<const std::byte> bytes) noexcept {
  HEARTH_CHECK(bytes.size() >= sizeof(T));
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

}  // namespace hearth::gguf
