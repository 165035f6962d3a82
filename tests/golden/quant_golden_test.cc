// Dequantised rows against values that the formats' originators computed: equal bit by bit.
#include <gtest/gtest.h>

#include <bit>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "formats/gguf/gguf.h"
#include "quant/iq_tables.h"
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
  // The recipe that llama.cpp calls IQ2_S makes these matrices IQ2_XS.
  EXPECT_TRUE(type.starts_with(tensor::dtype_name(matrix->dtype)) ||
              (type == "IQ2_S" && matrix->dtype == tensor::DType::kIQ2_XS))
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

// The errors of blocks against the weights that they stand for: squared, and weighted by the weights'
// squares.
struct Errors {
  double plain = 0.0;
  double weighted = 0.0;

  void add(std::span<const float> weights, std::span<const float> blocks) {
    for (size_t i = 0; i < weights.size(); ++i) {
      const double difference = static_cast<double>(blocks[i]) - weights[i];
      plain += difference * difference;
      weighted += difference * difference * weights[i] * weights[i];
    }
  }
};

std::vector<float> values_of(tensor::DType dtype, const void* data, int64_t n) {
  std::vector<float> values(static_cast<size_t>(n));
  quant::dequantize_row(dtype, data, values.data(), n);
  return values;
}

class QuantizeGolden : public ::testing::TestWithParam<const char*> {};

// The files hold what the formats' originators made of one and the same weights.
TEST_P(QuantizeGolden, OurBlocks_LoseNoMoreThanTheirs) {
  HEARTH_NEEDS_TEST_DATA(path, "golden/quant/" + std::string(GetParam()) + ".gguf");
  const auto theirs = gguf::File::open(path);
  const auto base = gguf::File::open(path.parent_path() / "../arch/quant-base.gguf");
  ASSERT_TRUE(theirs && base);
  Errors our_errors;
  Errors their_errors;
  for (const gguf::TensorInfo& tensor : theirs->tensors()) {
    const gguf::TensorInfo* original = base->find_tensor(tensor.name);
    ASSERT_NE(original, nullptr);
    // The blocks of two layers say enough, and a sanitizer takes its time.
    if (tensor.dtype == tensor::DType::kF32 || !tensor.name.starts_with("blk.")) continue;
    const int64_t n = tensor.shape.n_elements();
    const std::vector<float> weights = values_of(original->dtype, original->data.data(), n);
    std::vector<std::byte> blocks(tensor.size_bytes);
    quant::quantize_row(tensor.dtype, weights.data(), blocks.data(), n);
    our_errors.add(weights, values_of(tensor.dtype, blocks.data(), n));
    their_errors.add(weights, values_of(tensor.dtype, tensor.data.data(), n));
  }
  ASSERT_GT(their_errors.plain, 0.0);
  EXPECT_LE(our_errors.plain, their_errors.plain);
  EXPECT_LE(our_errors.weighted, their_errors.weighted);
}

INSTANTIATE_TEST_SUITE_P(Types, QuantizeGolden,
                         ::testing::Values("Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K_S", "Q4_K_S",
                                           "Q5_K_S", "Q6_K"),
                         [](const auto& type) { return std::string(type.param); });

// A codebook's entries with the levels in place of their numbers, as the published tables have them.
template <size_t kEntries, size_t kLevels>
std::vector<uint64_t> spell_out(const uint16_t (&grid)[kEntries], const uint8_t (&levels)[kLevels],
                                int n_elements) {
  const int bits = kLevels > 4 ? 3 : 2;
  std::vector<uint64_t> entries;
  for (const uint16_t packed : grid) {
    uint64_t entry = 0;
    for (int i = 0; i < n_elements; ++i) {
      const size_t level = packed >> (bits * i) & ((1U << bits) - 1);
      entry |= uint64_t{levels[level]} << (8 * i);
    }
    entries.push_back(entry);
  }
  return entries;
}

TEST(Codebooks, EveryEntry_IsThatOfThePublishedTables) {
  HEARTH_NEEDS_TEST_DATA(path, "golden/iq_tables.json");
  const auto tables = nlohmann::json::parse(testing::read_file(path));
  const auto published = [&](const char* name) {
    std::vector<uint64_t> entries;
    for (const auto& text : tables.at(name))
      entries.push_back(std::stoull(text.get<std::string>(), nullptr, 16));
    return entries;
  };
  constexpr uint8_t kIQ2Levels[4] = {8, 25, 43, 0};
  EXPECT_EQ(spell_out(quant::kIQ2_XXSGrid, kIQ2Levels, 8), published("iq2xxs_grid"));
  EXPECT_EQ(spell_out(quant::kIQ2_XSGrid, kIQ2Levels, 8), published("iq2xs_grid"));
  EXPECT_EQ(spell_out(quant::kIQ2_SGrid, kIQ2Levels, 8), published("iq2s_grid"));
  constexpr uint8_t kIQ3_XXSLevels[8] = {4, 12, 20, 28, 36, 44, 52, 62};
  EXPECT_EQ(spell_out(quant::kIQ3_XXSGrid, kIQ3_XXSLevels, 4), published("iq3xxs_grid"));
  constexpr uint8_t kIQ3_SLevels[8] = {1, 3, 5, 7, 9, 11, 13, 15};
  EXPECT_EQ(spell_out(quant::kIQ3_SGrid, kIQ3_SLevels, 4), published("iq3s_grid"));
  constexpr uint8_t kIQ1Levels[4] = {0xFF, 0, 1, 2};
  EXPECT_EQ(spell_out(quant::kIQ1_SGrid, kIQ1Levels, 8), published("iq1s_grid"));
}

INSTANTIATE_TEST_SUITE_P(Types, QuantGolden, ::testing::ValuesIn(testing::kQuantGoldenFiles),
                         [](const auto& type) { return std::string(type.param); });

}  // namespace
}  // namespace hearth
