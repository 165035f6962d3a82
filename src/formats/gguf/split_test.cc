#include "formats/gguf/split.h"

#include <gtest/gtest.h>

#include "formats/gguf/gguf_fixture.h"
#include "formats/gguf/limits.h"

namespace hearth::gguf {
namespace {

using testing::GgufWriter;

GgufWriter seven_tensors() {
  GgufWriter writer;
  writer.add_string("general.architecture", "llama").set_alignment(64);
  for (int i = 0; i < 7; ++i) {
    writer.add_tensor(fmt::format("blk.{}.weight", i), {2, 2}, std::vector<float>(4, static_cast<float>(i)));
  }
  return writer;
}

std::string error_of(const std::filesystem::path& path) {
  const auto file = File::open(path);
  return file ? "" : file.error().message();
}

TEST(SplitName, Parse_TheNameOfAPart_GivesItsNumbers) {
  const auto name = parse_split_name("Llama-3-of-x-00002-of-00012.gguf");
  ASSERT_TRUE(name);
  EXPECT_EQ(name->stem, "Llama-3-of-x");
  EXPECT_EQ(name->part, 2U);
  EXPECT_EQ(name->n_parts, 12U);
  EXPECT_EQ(name->file_name(11), "Llama-3-of-x-00011-of-00012.gguf");
}

TEST(SplitName, Parse_AnyOtherName_IsNone) {
  for (const char* name : {"", "m.gguf", "-00001-of-00002.gguf", "m-00001-of-00002.bin",
                           "m-0001-of-0002.gguf", "m-00001-of-0000x.gguf", "m-+0001-of-00002.gguf",
                           "m_00001-of-00002.gguf", "m-00001_of_00002.gguf", "m-000001-of-000002.gguf"}) {
    EXPECT_FALSE(parse_split_name(name)) << name;
  }
}

TEST(Split, Open_AnyPart_OpensAll) {
  const TemporaryFolder folder;
  for (const auto& path : seven_tensors().write_split(folder.path(), "m", 3)) {
    const auto file = File::open(path);
    ASSERT_TRUE(file) << file.error().message();
    EXPECT_EQ(file->name(), "m-00001-of-00003.gguf");
    EXPECT_EQ(file->n_parts(), 3U);
    EXPECT_EQ(file->alignment(), 64U);
    EXPECT_EQ(*file->string("general.architecture"), "llama");
    ASSERT_EQ(file->tensors().size(), 7U);
    for (int i = 0; i < 7; ++i) {
      const TensorInfo* tensor = file->find_tensor(fmt::format("blk.{}.weight", i));
      ASSERT_EQ(tensor, &file->tensors()[static_cast<size_t>(i)]);
      float first = -1;
      std::memcpy(&first, tensor->data.data(), sizeof(first));
      EXPECT_EQ(first, static_cast<float>(i));
    }
    testing::walk(*file);
  }
}

TEST(Split, Open_MorePartsThanTensors_IsFine) {
  const TemporaryFolder folder;
  const auto paths = seven_tensors().write_split(folder.path(), "m", 9);
  const auto file = File::open(paths[4]);
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_EQ(file->tensors().size(), 7U);
}

TEST(Split, Open_WithoutSplitKeys_TrustsTheNames) {
  const TemporaryFolder folder;
  GgufWriter().add_tensor("a", {1}, {1}).write(folder / "m-00001-of-00002.gguf");
  GgufWriter().add_tensor("b", {1}, {2}).write(folder / "m-00002-of-00002.gguf");
  const auto file = File::open(folder / "m-00001-of-00002.gguf");
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_EQ(file->tensors().size(), 2U);
}

TEST(Split, Open_AMissingPart_IsNamed) {
  const TemporaryFolder folder;
  const auto paths = seven_tensors().write_split(folder.path(), "m", 3);
  std::filesystem::remove(paths[1]);
  EXPECT_EQ(File::open(paths[0]).error().code(), ErrorCode::kNotFound);
  EXPECT_NE(error_of(paths[0]).find(
                "m-00002-of-00003.gguf: expected part 2 of 3 beside the others, found no such file"),
            std::string::npos);
}

TEST(Split, Open_ADamagedPart_IsNamed) {
  const TemporaryFolder folder;
  const auto paths = seven_tensors().write_split(folder.path(), "m", 3);
  std::filesystem::resize_file(paths[2], std::filesystem::file_size(paths[2]) - 64);
  EXPECT_TRUE(error_of(paths[0]).starts_with("m-00003-of-00003.gguf: tensor blk.6.weight: expected 16 bytes"))
      << error_of(paths[0]);
}

TEST(Split, Open_KeysThatContradictTheNames_AreRefused) {
  const TemporaryFolder folder;
  const auto three = seven_tensors().write_split(folder.path(), "m", 3);
  std::filesystem::rename(three[1], folder / "x-00001-of-00001.gguf");
  EXPECT_EQ(error_of(folder / "x-00001-of-00001.gguf"),
            "x-00001-of-00001.gguf: metadata split.no: expected 0 as the file's name says (counting from 0), "
            "found 1");
  std::filesystem::rename(three[0], folder / "x-00001-of-00001.gguf");
  EXPECT_EQ(error_of(folder / "x-00001-of-00001.gguf"),
            "x-00001-of-00001.gguf: metadata split.count: expected 1 as the file's name says, found 3");
}

TEST(Split, Open_AWrongTotalOfTensors_IsRefused) {
  const TemporaryFolder folder;
  GgufWriter()
      .add_tensor("a", {1}, {1})
      .add_i32("split.tensors.count", 3)
      .write(folder / "m-00001-of-00002.gguf");
  GgufWriter().add_tensor("b", {1}, {2}).write(folder / "m-00002-of-00002.gguf");
  EXPECT_EQ(
      error_of(folder / "m-00002-of-00002.gguf"),
      "m-00001-of-00002.gguf: metadata split.tensors.count: expected 2 tensors as in all parts together, "
      "found 3");
}

TEST(Split, Open_ATensorInTwoParts_IsRefused) {
  const TemporaryFolder folder;
  for (const char* name : {"m-00001-of-00002.gguf", "m-00002-of-00002.gguf"}) {
    GgufWriter().add_tensor("a", {1}, {1}).write(folder / name);
  }
  EXPECT_EQ(error_of(folder / "m-00001-of-00002.gguf"),
            "m-00001-of-00002.gguf: tensor a: expected each tensor once, found it again");
}

TEST(Split, Open_NamesThatCannotBe_AreRefused) {
  const TemporaryFolder folder;
  for (const char* name : {"m-00000-of-00002.gguf", "m-00003-of-00002.gguf", "m-00000-of-00000.gguf"}) {
    EXPECT_EQ(File::open(folder / name).error().code(), ErrorCode::kMalformed) << name;
  }
  const auto file = File::open(folder / fmt::format("m-00001-of-{:05}.gguf", kMaxParts + 1));
  EXPECT_EQ(file.error().code(), ErrorCode::kResourceExhausted);
}

TEST(Split, Parse_APartAlone_IsRefused) {
  const std::string part = seven_tensors().build_split(3)[0];
  EXPECT_NE(complaint(part).find("metadata split.count: expected a whole model, found a part of 3"),
            std::string::npos);
}

TEST(Split, Parse_AFileMergedFromParts_IsWhole) {
  GgufWriter writer = seven_tensors();
  writer.add<uint16_t>("split.count", 0).add<uint16_t>("split.no", 0);
  EXPECT_EQ(complaint(writer.build()), "");
}

TEST(Split, Parse_SplitKeysThatAreNoIntegers_AreRefused) {
  GgufWriter writer;
  writer.add_string("split.count", "three");
  EXPECT_EQ(complaint(writer.build()),
            "m.gguf: metadata split.count: expected an integer of at least 0, found string \"three\"");
}

}  // namespace
}  // namespace hearth::gguf
