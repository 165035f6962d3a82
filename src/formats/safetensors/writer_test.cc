#include "formats/safetensors/writer.h"

#include <gtest/gtest.h>

#include "tests/support/safetensors_writer.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_data.h"

namespace hearth::safetensors {
namespace {

TEST(SafetensorsWriter, Files_AreThoseOfTheFormat) {
  const testing::TemporaryFolder folder;
  const std::vector<float> a{1, 2, 3, 4, 5, 6};
  const std::vector<uint16_t> b{7, 8};
  const std::vector<DraftTensor> tensors{{"layer.a", DType::kF32, {2, 3}, std::as_bytes(std::span(a))},
                                         {"layer \"b\"", DType::kBF16, {2}, std::as_bytes(std::span(b))}};
  const std::vector<MetadataEntry> metadata{{"format", "pt"}};
  const auto written = write_file(folder / "x.safetensors", tensors, metadata);
  ASSERT_TRUE(written) << written.error().message();

  const std::string bytes = testing::read_file(folder / "x.safetensors");
  EXPECT_EQ(bytes.size() % 8, 4U) << "data begin at a multiple of eight, and have 28 bytes";
  const auto file = File::parse(std::as_bytes(std::span(bytes)), "x");
  ASSERT_TRUE(file) << file.error().message();
  ASSERT_EQ(file->tensors().size(), 2U);
  EXPECT_EQ(file->tensors()[0].shape, (std::vector<uint64_t>{2, 3}));
  EXPECT_EQ(std::memcmp(file->tensors()[0].data.data(), a.data(), sizeof(float) * a.size()), 0);
  const TensorInfo* const second = file->find_tensor("layer \"b\"");
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(second->dtype, DType::kBF16);
  EXPECT_EQ(std::memcmp(second->data.data(), b.data(), sizeof(uint16_t) * b.size()), 0);
  ASSERT_EQ(file->metadata().size(), 1U);
  EXPECT_EQ(file->metadata()[0].value, "pt");
}

TEST(SafetensorsWriter, NoTensors_AreAFileToo) {
  const testing::TemporaryFolder folder;
  const auto written = write_file(folder / "x", std::span<const DraftTensor>(), {});
  ASSERT_TRUE(written) << written.error().message();
  EXPECT_EQ(testing::read_file(folder / "x"), testing::safetensors_bytes("{}      ", ""));
}

}  // namespace
}  // namespace hearth::safetensors
