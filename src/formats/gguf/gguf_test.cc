#include "formats/gguf/gguf.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "formats/gguf/gguf_fixture.h"
#include "tests/support/test_data.h"

namespace hearth::gguf {
namespace {

using tensor::DType;
using tensor::Shape;
using testing::GgufWriter;

GgufWriter small_model(uint32_t version = 3) {
  GgufWriter writer(version);
  writer.add_string("general.architecture", "llama").add_u32("llama.block_count", 2);
  writer.add_f32("llama.rope.freq_base", 10000).add_bool("tokenizer.ggml.add_bos_token", true);
  writer.add_i32("negative", -1).add_array<int32_t>("list", {1, 2});
  writer.add_tensor("token_embd.weight", {2, 3}, {1, 2, 3, 4, 5, 6});
  writer.add_zeros("output_norm.weight", {5}, DType::kF16);
  writer.add_zeros("blk.0.ffn_gate_exps.weight", {2, 3, 4, 64}, DType::kQ8_0);
  return writer;
}

// A file and the bytes that it looks into.
struct Parsed {
  explicit Parsed(const GgufWriter& writer) : bytes(exact_copy(writer.build())), file(parse()) {}
  File parse() const {
    auto result = File::parse(bytes, "m.gguf");
    EXPECT_TRUE(result) << result.error().message();
    return std::move(*result);
  }
  std::vector<std::byte> bytes;
  File file;
};

class File_OfEitherVersion : public ::testing::TestWithParam<uint32_t> {};
INSTANTIATE_TEST_SUITE_P(, File_OfEitherVersion, ::testing::Values(2, 3));

TEST_P(File_OfEitherVersion, Parse_AModel_GivesWhatWasWritten) {
  const Parsed parsed(small_model(GetParam()));
  const File& file = parsed.file;
  EXPECT_EQ(file.name(), "m.gguf");
  EXPECT_EQ(file.version(), GetParam());
  EXPECT_EQ(file.alignment(), 32U);
  EXPECT_EQ(file.size_bytes(), parsed.bytes.size());
  EXPECT_EQ(file.n_parts(), 1U);
  ASSERT_EQ(file.metadata().size(), 6U);
  EXPECT_EQ(file.metadata()[1].key, "llama.block_count");

  ASSERT_EQ(file.tensors().size(), 3U);
  const TensorInfo* embedding = file.find_tensor("token_embd.weight");
  ASSERT_EQ(embedding, file.tensors().data());
  EXPECT_EQ(embedding->dtype, DType::kF32);
  EXPECT_EQ(embedding->shape, (Shape{2, 3}));
  ASSERT_EQ(embedding->size_bytes, 24U);
  float last = 0;
  std::memcpy(&last, embedding->data.last(4).data(), 4);
  EXPECT_EQ(last, 6.0F);

  const TensorInfo* experts = file.find_tensor("blk.0.ffn_gate_exps.weight");
  ASSERT_NE(experts, nullptr);
  EXPECT_EQ(experts->shape, (Shape{2, 3, 4, 64}));
  EXPECT_EQ(experts->size_bytes, 2U * 3 * 4 * 2 * 34);
  EXPECT_EQ(file.find_tensor("output_norm"), nullptr);
  EXPECT_EQ(file.find_tensor(""), nullptr);
}

TEST(File, Parse_AnEmptyModel_HasNothing) {
  const Parsed parsed{GgufWriter()};
  EXPECT_TRUE(parsed.file.metadata().empty());
  EXPECT_TRUE(parsed.file.tensors().empty());
  EXPECT_EQ(parsed.file.find("general.architecture"), nullptr);
}

TEST(File, Parse_EveryAlignmentOfTheFormat_PlacesTheData) {
  for (uint32_t alignment = 8; alignment <= 65'536; alignment *= 2) {
    GgufWriter writer;
    writer.set_alignment(alignment).add_tensor("a", {1}, {1.5F}).add_tensor("b", {1}, {2.5F});
    const Parsed parsed(writer);
    EXPECT_EQ(parsed.file.alignment(), alignment);
    float b = 0;
    std::memcpy(&b, parsed.file.find_tensor("b")->data.data(), 4);
    EXPECT_EQ(b, 2.5F) << alignment;
    EXPECT_EQ((parsed.file.find_tensor("b")->data.data() - parsed.bytes.data()) % alignment, 0);
  }
}

TEST(File, Parse_EveryTensorType_HasItsSize) {
  GgufWriter writer;
  for (const auto& traits : tensor::all_dtypes()) {
    writer.add_zeros(traits.name, {3, traits.block_elements * 2}, traits.dtype);
  }
  const Parsed parsed(writer);
  for (const auto& traits : tensor::all_dtypes()) {
    const TensorInfo* tensor = parsed.file.find_tensor(traits.name);
    ASSERT_NE(tensor, nullptr);
    EXPECT_EQ(tensor->dtype, traits.dtype);
    EXPECT_EQ(tensor->data.size(), 6U * traits.block_bytes);
  }
}

TEST(File, Accessors_OfKeysThatAreThere_GiveTheirValues) {
  const Parsed parsed(small_model());
  EXPECT_EQ(*parsed.file.u64("llama.block_count"), 2U);
  EXPECT_EQ(*parsed.file.f64("llama.block_count"), 2.0);
  EXPECT_EQ(*parsed.file.f64("llama.rope.freq_base"), 10000.0);
  EXPECT_EQ(*parsed.file.string("general.architecture"), "llama");
  EXPECT_EQ(*parsed.file.u64_or("llama.block_count", 9), 2U);
  EXPECT_EQ(*parsed.file.f64_or("llama.rope.freq_base", 9), 10000.0);
  EXPECT_EQ(*parsed.file.bool_or("tokenizer.ggml.add_bos_token", false), true);
  EXPECT_EQ(*parsed.file.string_or("general.architecture", "x"), "llama");
}

TEST(File, Accessors_OfAbsentKeys_FallBackOrNameWhatIsMissing) {
  const Parsed parsed(small_model());
  EXPECT_EQ(*parsed.file.u64_or("no", 9), 9U);
  EXPECT_EQ(*parsed.file.f64_or("no", 0.5), 0.5);
  EXPECT_EQ(*parsed.file.bool_or("no", true), true);
  EXPECT_EQ(*parsed.file.string_or("no", "x"), "x");
  EXPECT_EQ(parsed.file.u64("no").error().code(), ErrorCode::kMalformed);
  EXPECT_EQ(parsed.file.u64("no").error().message(),
            "m.gguf: metadata no: expected an integer, found no such key");
  EXPECT_EQ(parsed.file.f64("no").error().message(),
            "m.gguf: metadata no: expected a number, found no such key");
  EXPECT_EQ(parsed.file.string("no").error().message(),
            "m.gguf: metadata no: expected a string, found no such key");
}

TEST(File, Accessors_OfKeysOfAnotherType_SayWhatIsThere) {
  const Parsed parsed(small_model());
  const File& file = parsed.file;
  EXPECT_EQ(file.u64("general.architecture").error().message(),
            "m.gguf: metadata general.architecture: expected an integer, found string \"llama\"");
  EXPECT_EQ(file.u64_or("negative", 1).error().message(),
            "m.gguf: metadata negative: expected an integer of at least 0, found i32 -1");
  EXPECT_EQ(file.string_or("list", "").error().message(),
            "m.gguf: metadata list: expected a string, found array of i32 [1, 2]");
  EXPECT_EQ(file.bool_or("llama.block_count", true).error().message(),
            "m.gguf: metadata llama.block_count: expected a bool, found u32 2");
  EXPECT_EQ(file.f64_or("tokenizer.ggml.add_bos_token", 1).error().message(),
            "m.gguf: metadata tokenizer.ggml.add_bos_token: expected a number, found bool true");
}

TEST(File, Open_AFile_IsTheSameAsItsBytes) {
  const TemporaryFolder folder;
  small_model().write(folder / "model.gguf");
  const auto file = File::open(folder / "model.gguf");
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_EQ(file->name(), "model.gguf");
  EXPECT_EQ(file->size_bytes(), small_model().build().size());
  EXPECT_EQ(file->tensors().size(), 3U);
  testing::walk(*file);
}

TEST(File, Open_AFileThatMoves_KeepsItsViews) {
  const TemporaryFolder folder;
  small_model().write(folder / "model.gguf");
  auto file = File::open(folder / "model.gguf");
  ASSERT_TRUE(file);
  const std::byte* data = file->tensors()[0].data.data();
  const File moved = std::move(*file);
  EXPECT_EQ(moved.tensors()[0].data.data(), data);
  testing::walk(moved);
}

TEST(File, Open_WhatIsNoFile_IsAClearError) {
  const TemporaryFolder folder;
  EXPECT_EQ(File::open(folder / "missing.gguf").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(File::open(folder.path()).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_FALSE(File::open(""));
  std::ofstream{folder / "empty.gguf"};
  EXPECT_EQ(File::open(folder / "empty.gguf").error().message(),
            "empty.gguf: expected a GGUF file, found an empty one");
}

void expect_all_open(const std::filesystem::path& folder, size_t at_least) {
  size_t n_files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".gguf") continue;
    const auto file = File::open(entry.path());
    ASSERT_TRUE(file) << file.error().message();
    EXPECT_TRUE(file->string("general.architecture")) << entry.path();
    EXPECT_FALSE(file->metadata().empty());
    testing::walk(*file);
    ++n_files;
  }
  EXPECT_GE(n_files, at_least);
}

TEST(File, Open_RealModels_AreReadWhole) {
  HEARTH_NEEDS_TEST_DATA(path, "models");
  expect_all_open(path, 1);
  const auto file = File::open(path / "stories260K.gguf");
  ASSERT_TRUE(file);
  EXPECT_EQ(*file->string("general.architecture"), "llama");
  EXPECT_EQ(file->find_tensor("token_embd.weight")->shape, (Shape{512, 64}));
}

TEST(File, Open_GoldenModels_AreReadWhole) {
  HEARTH_NEEDS_TEST_DATA(path, "golden");
  expect_all_open(path, 48);
}

TEST(File, Open_RealVocabularies_AreReadWhole) {
  HEARTH_NEEDS_TEST_DATA(path, "tokenizers/gguf");
  expect_all_open(path, 11);
  const auto file = File::open(path / "llama-bpe.gguf");
  ASSERT_TRUE(file);
  const auto tokens = file->find("tokenizer.ggml.tokens")->as_strings();
  ASSERT_TRUE(tokens);
  EXPECT_EQ(tokens->size(), 128'256U);
  EXPECT_TRUE(file->tensors().empty());
}

}  // namespace
}  // namespace hearth::gguf
