#include "tests/support/gguf_writer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/test_data.h"

namespace hearth::testing {
namespace {

using namespace std::string_view_literals;

// Written by hand from docs/formats/gguf.md.
constexpr std::string_view kOneOfEach =
    "GGUF\x03\0\0\0\x01\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0"               // 24 bytes: one tensor, four pairs
    "\x01\0\0\0\0\0\0\0a\x04\0\0\0\x05\0\0\0"                          // +17: u32 5
    "\x01\0\0\0\0\0\0\0b\x08\0\0\0\x02\0\0\0\0\0\0\0hi"                // +23: string "hi"
    "\x01\0\0\0\0\0\0\0c\x09\0\0\0\x07\0\0\0\x02\0\0\0\0\0\0\0\x01\0"  // +27: bools true, false
    "\x01\0\0\0\0\0\0\0d\x06\0\0\0\0\0\x80\x3f"                        // +17: f32 1
    "\x01\0\0\0\0\0\0\0w\x02\0\0\0\x03\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x18\0\0\0\0\0\0\0\0\0\0\0"  // +41: I8
                                                                                                   // [1, 3]
    "\0\0\0\0\0\0\0\0\0\0\0"  // 149 + 11 = 160
    "xyz\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"sv;

GgufWriter one_of_each() {
  GgufWriter writer;
  writer.add_u32("a", 5).add_string("b", "hi").add_array<bool>("c", {true, false}).add_f32("d", 1);
  writer.add_tensor("w", {1, 3}, tensor::DType::kI8, "xyz");
  return writer;
}

TEST(GgufWriter, Build_OneOfEachKind_IsTheBytesWrittenByHand) {
  ASSERT_EQ(kOneOfEach.size(), 192U);
  EXPECT_EQ(one_of_each().build(), kOneOfEach);
}

TEST(GgufWriter, Build_AnAlignment_StandsInTheMetadataAndPadsTheData) {
  GgufWriter writer(2);
  writer.set_alignment(64).add_tensor("w", {1}, {1.0F}).add_tensor("v", {1}, {2.0F});
  const std::string bytes = writer.build();
  EXPECT_EQ(bytes.substr(0, 8), "GGUF\x02\0\0\0"sv);
  EXPECT_NE(bytes.find("general.alignment\x04\0\0\0\x40\0\0\0"sv), std::string::npos);
  ASSERT_EQ(bytes.size(), 256U);  // 58 of header and metadata, 2 x 33 of descriptors, then 2 x 64
  EXPECT_EQ(bytes.substr(128, 4), "\0\0\x80\x3f"sv);
  EXPECT_EQ(bytes.substr(192, 4), "\0\0\0\x40"sv);
}

TEST(GgufWriter, BuildSplit_TwoParts_SpreadTheTensorsAndNumberTheParts) {
  GgufWriter writer = one_of_each();
  writer.add_zeros("v", {32}, tensor::DType::kQ4_0).add_zeros("u", {1}, tensor::DType::kF32);
  const std::vector<std::string> parts = writer.build_split(2);
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[0][8], 1);  // tensors
  EXPECT_EQ(parts[0][16], 7);
  EXPECT_EQ(parts[1][8], 2);
  EXPECT_EQ(parts[1][16], 3);
  EXPECT_NE(parts[0].find("split.no\x02\0\0\0\0\0"sv), std::string::npos);
  EXPECT_NE(parts[1].find("split.no\x02\0\0\0\x01\0"sv), std::string::npos);
  EXPECT_NE(parts[1].find("split.count\x02\0\0\0\x02\0"sv), std::string::npos);
  EXPECT_NE(parts[1].find("split.tensors.count\x05\0\0\0\x03\0\0\0"sv), std::string::npos);
}

TEST(GgufWriter, Write_AFileAndASplit_HoldWhatBuildReturns) {
  const auto folder = std::filesystem::path(::testing::TempDir()) / ("gguf_writer_" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  const GgufWriter writer = one_of_each();
  writer.write(folder / "m.gguf");
  EXPECT_EQ(read_file(folder / "m.gguf"), kOneOfEach);
  const auto paths = writer.write_split(folder, "m", 2);
  ASSERT_EQ(paths.size(), 2U);
  EXPECT_EQ(paths[1].filename(), "m-00002-of-00002.gguf");
  EXPECT_EQ(read_file(paths[1]), writer.build_split(2)[1]);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace hearth::testing
