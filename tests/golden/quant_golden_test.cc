// Dequantised rows against values that the formats' originators computed: equal bit by bit.
#include <gtest/gtest.h>

#include <bit>
#include <string>
#include <vector>

#include "formats/gguf/gguf.h"
#include "quant/quant.h"
#include "tests/support/test_data.h"

namespace hearth {
namespace {

class QuantGolden : public ::testing::TestWithParam<const char*> {};

TEST_P(QuantGolden, FirstRowsOfAMatrix_HaveTheSameBits) {
  const std::string type = GetParam();
  HEARTH_NEEDS_TEST_DATA(path, "golden/quant/" + type + ".gguf");
  const auto file = gguf::File::open(path);
  ASSERT_TRUE(file) << file.error().message();
  const gguf::TensorInfo* matrix = file->find_tensor("blk.0.ffn_down.weight");
  ASSERT_NE(matrix, nullptr);
  ASSERT_TRUE(quant::can_dequantize(matrix->dtype));
  EXPECT_TRUE(type.starts_with(tensor::dtype_name(matrix->dtype)))
      << "the file is of another type than its name";

  const std::vector<float> expected =
      testing::read_floats(std::filesystem::path(path).replace_extension(".dequant.f32"));
  const int64_t width = matrix->shape.back();
  const auto n_rows = static_cast<int64_t>(expected.size()) / width;
  ASSERT_EQ(n_rows, 8);
  const uint64_t stride = *tensor::row_bytes(matrix->dtype, static_cast<uint64_t>(width));
  std::vector<float> row(static_cast<size_t>(width));
  for (int64_t r = 0; r < n_rows; ++r) {
    quant::dequantize_row(matrix->dtype, matrix->data.data() + static_cast<uint64_t>(r) * stride, row.data(),
                          width);
    for (int64_t i = 0; i < width; ++i) {
      const float want = expected[static_cast<size_t>(r * width + i)];
      ASSERT_EQ(std::bit_cast<uint32_t>(row[static_cast<size_t>(i)]), std::bit_cast<uint32_t>(want))
          << "row " << r << ", element " << i << ": " << row[static_cast<size_t>(i)] << ", expected " << want;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, QuantGolden,
                         ::testing::Values("F32", "BF16", "Q4_0", "Q8_0", "Q4_K_S", "Q5_K_S", "Q6_K"),
                         [](const auto& type) { return std::string(type.param); });

}  // namespace
}  // namespace hearth
