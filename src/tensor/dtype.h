// Element types as they stand in files and in memory.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace hearth::tensor {

// The values are GGUF's type ids (docs/formats/gguf.md), above them types of our own. Q-types are blocks: a
// fixed number of elements that share scales, see quant/blocks.h.
enum class DType : uint8_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ4_1 = 3,
  kQ5_0 = 6,
  kQ5_1 = 7,
  kQ8_0 = 8,
  kQ8_1 = 9,
  kQ2_K = 10,
  kQ3_K = 11,
  kQ4_K = 12,
  kQ5_K = 13,
  kQ6_K = 14,
  kQ8_K = 15,
  kIQ2_XXS = 16,
  kIQ2_XS = 17,
  kIQ3_XXS = 18,
  kIQ1_S = 19,
  kIQ4_NL = 20,
  kIQ3_S = 21,
  kIQ2_S = 22,
  kIQ4_XS = 23,
  kI8 = 24,
  kI16 = 25,
  kI32 = 26,
  kI64 = 27,
  kF64 = 28,
  kIQ1_M = 29,
  kBF16 = 30,
  kTQ1_0 = 34,
  kTQ2_0 = 35,
  kMXFP4 = 39,
  kNVFP4 = 40,
  kQ1_0 = 41,
  kQ2_0 = 42,
  // Of no GGUF file: what GPTQ's and AWQ's weights become in memory (docs/formats/gptq_awq.md).
  kA4 = 128,
  kA8 = 129,
};

struct DTypeTraits {
  DType dtype;
  std::string_view name;    // as people write it: "Q4_K"
  uint32_t block_elements;  // 1 for plain types
  uint32_t block_bytes;
};

// GGUF's types, by id.
std::span<const DTypeTraits> all_dtypes() noexcept;
const DTypeTraits& dtype_traits(DType dtype) noexcept;
inline std::string_view dtype_name(DType dtype) noexcept {
  return dtype_traits(dtype).name;
}
// The type of a GGUF id, or nothing where the id is unknown or was withdrawn.
std::optional<DType> dtype_from_id(uint32_t id) noexcept;

// Bytes of a row of n elements, or nothing if n is no whole number of blocks or the size overflows.
std::optional<uint64_t> row_bytes(DType dtype, uint64_t n_elements) noexcept;

}  // namespace hearth::tensor
