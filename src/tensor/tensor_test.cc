#include "tensor/tensor.h"

#include <gtest/gtest.h>

#include <set>

namespace hearth::tensor {
namespace {

TEST(DType, EveryType_RoundTripsThroughItsId) {
  std::set<std::string_view> names;
  for (const DTypeTraits& traits : all_dtypes()) {
    EXPECT_EQ(dtype_from_id(static_cast<uint32_t>(traits.dtype)), traits.dtype);
    EXPECT_EQ(dtype_traits(traits.dtype).name, traits.name);
    EXPECT_TRUE(names.insert(traits.name).second) << traits.name;
  }
}

TEST(DType, FromId_WithdrawnOrUnknown_IsNothing) {
  for (const uint32_t id : {4U, 5U, 31U, 32U, 33U, 36U, 37U, 38U, 43U, 255U, 256U, 0xFFFFFFFFU}) {
    EXPECT_EQ(dtype_from_id(id), std::nullopt) << id;
  }
}

TEST(RowBytes, PartOfABlockOrOverflow_IsNothing) {
  EXPECT_EQ(row_bytes(DType::kQ4_K, 512), 288U);
  EXPECT_EQ(row_bytes(DType::kQ4_K, 500), std::nullopt);
  EXPECT_EQ(row_bytes(DType::kF64, uint64_t{1} << 61), std::nullopt);
  EXPECT_EQ(row_bytes(DType::kQ8_0, 0), 0U);
}

TEST(Tensor, SizeBytes_OfBlocks_CountsWholeRows) {
  const Tensor t{DType::kQ6_K, {3, 512}, nullptr};
  EXPECT_EQ(t.size_bytes(), 3U * 420U);
  EXPECT_EQ(t.first(2).size_bytes(), 2U * 420U);
  EXPECT_EQ((Tensor{DType::kF32, {0, 512}, nullptr}).size_bytes(), 0U);
}

TEST(Shape, ToString_ReadsLikeAList) {
  EXPECT_EQ(Shape({4096, 1024}).to_string(), "[4096, 1024]");
}

}  // namespace
}  // namespace hearth::tensor
