#include "tensor/dtype.h"

#include <array>

#include "base/check.h"
#include "base/checked.h"

namespace hearth::tensor {
namespace {

// Sizes: docs/formats/gguf.md. Structs of the same layout stand in quant/blocks.h, which asserts these sizes.
constexpr std::array kDTypes{
    DTypeTraits{DType::kF32, "F32", 1, 4},
    DTypeTraits{DType::kF16, "F16", 1, 2},
    DTypeTraits{DType::kQ4_0, "Q4_0", 32, 18},
    DTypeTraits{DType::kQ4_1, "Q4_1", 32, 20},
    DTypeTraits{DType::kQ5_0, "Q5_0", 32, 22},
    DTypeTraits{DType::kQ5_1, "Q5_1", 32, 24},
    DTypeTraits{DType::kQ8_0, "Q8_0", 32, 34},
    DTypeTraits{DType::kQ8_1, "Q8_1", 32, 36},
    DTypeTraits{DType::kQ2_K, "Q2_K", 256, 84},
    DTypeTraits{DType::kQ3_K, "Q3_K", 256, 110},
    DTypeTraits{DType::kQ4_K, "Q4_K", 256, 144},
    DTypeTraits{DType::kQ5_K, "Q5_K", 256, 176},
    DTypeTraits{DType::kQ6_K, "Q6_K", 256, 210},
    DTypeTraits{DType::kQ8_K, "Q8_K", 256, 292},
    DTypeTraits{DType::kIQ2_XXS, "IQ2_XXS", 256, 66},
    DTypeTraits{DType::kIQ2_XS, "IQ2_XS", 256, 74},
    DTypeTraits{DType::kIQ3_XXS, "IQ3_XXS", 256, 98},
    DTypeTraits{DType::kIQ1_S, "IQ1_S", 256, 50},
    DTypeTraits{DType::kIQ4_NL, "IQ4_NL", 32, 18},
    DTypeTraits{DType::kIQ3_S, "IQ3_S", 256, 110},
    DTypeTraits{DType::kIQ2_S, "IQ2_S", 256, 82},
    DTypeTraits{DType::kIQ4_XS, "IQ4_XS", 256, 136},
    DTypeTraits{DType::kI8, "I8", 1, 1},
    DTypeTraits{DType::kI16, "I16", 1, 2},
    DTypeTraits{DType::kI32, "I32", 1, 4},
    DTypeTraits{DType::kI64, "I64", 1, 8},
    DTypeTraits{DType::kF64, "F64", 1, 8},
    DTypeTraits{DType::kIQ1_M, "IQ1_M", 256, 56},
    DTypeTraits{DType::kBF16, "BF16", 1, 2},
    DTypeTraits{DType::kTQ1_0, "TQ1_0", 256, 54},
    DTypeTraits{DType::kTQ2_0, "TQ2_0", 256, 66},
    DTypeTraits{DType::kMXFP4, "MXFP4", 32, 17},
    DTypeTraits{DType::kNVFP4, "NVFP4", 64, 36},
    DTypeTraits{DType::kQ1_0, "Q1_0", 128, 18},
    DTypeTraits{DType::kQ2_0, "Q2_0", 64, 18},
};

constexpr std::array kOwnDTypes{
    DTypeTraits{DType::kA4, "A4", 32, 22},
    DTypeTraits{DType::kA8, "A8", 32, 38},
};

constexpr size_t kNotAType = ~size_t{0};

// Index into kDTypes by id.
constexpr auto kIndexById = [] {
  std::array<size_t, 43> index{};
  index.fill(kNotAType);
  for (size_t i = 0; i < kDTypes.size(); ++i) index[static_cast<size_t>(kDTypes[i].dtype)] = i;
  return index;
}();

}  // namespace

std::span<const DTypeTraits> all_dtypes() noexcept {
  return kDTypes;
}

const DTypeTraits& dtype_traits(DType dtype) noexcept {
  for (const DTypeTraits& own : kOwnDTypes) {
    if (own.dtype == dtype) return own;
  }
  const auto id = static_cast<size_t>(dtype);
  HEARTH_CHECK(id < kIndexById.size() && kIndexById[id] != kNotAType);
  return kDTypes[kIndexById[id]];
}

std::optional<DType> dtype_from_id(uint32_t id) noexcept {
  if (id >= kIndexById.size() || kIndexById[id] == kNotAType) return std::nullopt;
  return static_cast<DType>(id);
}

std::optional<uint64_t> row_bytes(DType dtype, uint64_t n_elements) noexcept {
  const DTypeTraits& traits = dtype_traits(dtype);
  if (n_elements % traits.block_elements != 0) return std::nullopt;
  uint64_t bytes = 0;
  if (!checked_mul<uint64_t>(n_elements / traits.block_elements, traits.block_bytes, bytes))
    return std::nullopt;
  return bytes;
}

}  // namespace hearth::tensor
