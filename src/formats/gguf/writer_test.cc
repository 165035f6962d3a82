#include "formats/gguf/writer.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "formats/gguf/gguf_fixture.h"
#include "tests/support/test_data.h"

namespace hearth::gguf {
namespace {

using tensor::DType;
using tensor::Shape;

ByteSink append_to(std::string& out) {
  return [&out](std::span<const std::byte> bytes) -> Result<void> {
    out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return {};
  };
}

// The file written again, its data in pieces of `piece` bytes.
std::string write_again(const File& file, size_t piece) {
  FileDraft draft;
  for (const MetadataEntry& entry : file.metadata()) draft.set(entry.key, entry.value);
  for (const TensorInfo& tensor : file.tensors()) draft.add_tensor(tensor.name, tensor.dtype, tensor.shape);
  std::string out;
  auto writer = Writer::begin(draft, append_to(out));
  EXPECT_TRUE(writer) << writer.error().message();
  if (!writer) return out;
  for (const TensorInfo& tensor : file.tensors()) {
    for (size_t at = 0; at < tensor.data.size(); at += piece) {
      EXPECT_TRUE(writer->append(tensor.data.subspan(at, std::min(piece, tensor.data.size() - at))));
    }
  }
  EXPECT_TRUE(writer->finish());
  EXPECT_EQ(out.size(), writer->size_bytes());
  return out;
}

// What begin() says about the draft, "" where it takes it.
std::string complaint_about(const FileDraft& draft) {
  std::string out;
  const auto writer = Writer::begin(draft, append_to(out));
  if (writer) return "";
  EXPECT_EQ(writer.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(out.empty());
  return writer.error().message();
}

TEST(Writer, EveryKindOfValue_IsWrittenAsTheFormatSays) {
  FileDraft draft;
  draft.set_number<uint8_t>("u8", 200);
  draft.set_number<int8_t>("i8", -3);
  draft.set_number<uint16_t>("u16", 60'000);
  draft.set_number<int16_t>("i16", -300);
  draft.set_number<uint32_t>("u32", 4'000'000'000);
  draft.set_number<int32_t>("i32", -70'000);
  draft.set_number<float>("f32", 1.5F);
  draft.set_number<bool>("bool", true);
  draft.set_string("string", "text");
  draft.set_number<uint64_t>("u64", uint64_t{1} << 63);
  draft.set_number<int64_t>("i64", -1);
  draft.set_number<double>("f64", 0.1);
  const std::vector<int32_t> numbers{1, -2};
  draft.set_numbers<int32_t>("numbers", numbers);
  const std::vector<std::string_view> strings{"a", "", "long"};
  draft.set_strings("strings", strings);
  draft.set_numbers<float>("none", {});
  draft.add_tensor("w", DType::kF32, {2, 3});
  draft.add_tensor("v", DType::kQ8_0, {32});
  std::string written;
  auto writer = Writer::begin(draft, append_to(written));
  ASSERT_TRUE(writer) << writer.error().message();
  const std::vector<float> w{1, 2, 3, 4, 5, 6};
  ASSERT_TRUE(writer->append(std::as_bytes(std::span(w))));
  ASSERT_TRUE(writer->append(std::vector<std::byte>(34)));
  ASSERT_TRUE(writer->finish());

  testing::GgufWriter by_hand;
  by_hand.add<uint8_t>("u8", 200).add<int8_t>("i8", -3).add<uint16_t>("u16", 60'000);
  by_hand.add<int16_t>("i16", -300).add_u32("u32", 4'000'000'000).add_i32("i32", -70'000);
  by_hand.add_f32("f32", 1.5F).add_bool("bool", true).add_string("string", "text");
  by_hand.add_u64("u64", uint64_t{1} << 63).add<int64_t>("i64", -1).add<double>("f64", 0.1);
  by_hand.add_array<int32_t>("numbers", {1, -2}).add_strings("strings", {"a", "", "long"});
  by_hand.add_array<float>("none", {});
  by_hand.add_tensor("w", {2, 3}, w).add_zeros("v", {32}, DType::kQ8_0);
  EXPECT_EQ(written, by_hand.build());
}

TEST(Writer, AKeyThatIsSetAgain_KeepsItsPlace) {
  FileDraft draft;
  draft.set_string("a", "old");
  draft.set_string("gone", "");
  draft.set_number<uint32_t>("b", 1);
  draft.set_number<uint32_t>("a", 7);
  draft.remove("gone");
  draft.remove("never there");
  draft.set_number<uint32_t>("b", 2);
  std::string written;
  auto writer = Writer::begin(draft, append_to(written));
  ASSERT_TRUE(writer);
  ASSERT_TRUE(writer->finish());
  EXPECT_EQ(written,
            testing::GgufBytes().header(0, 2).string("a").u32(4).u32(7).string("b").u32(4).u32(2).bytes());
}

TEST(Writer, WhatNoReaderWouldTake_IsRefusedBeforeItIsWritten) {
  const auto with_tensor = [](std::string_view name, DType dtype, const Shape& shape) {
    FileDraft draft;
    draft.add_tensor(name, dtype, shape);
    return complaint_about(draft);
  };
  EXPECT_EQ(with_tensor("a", DType::kQ8_0, {2, 33}),
            "tensor a: expected rows of whole Q8_0 blocks of 32 elements, found 33 elements");
  EXPECT_EQ(with_tensor("a", DType::kF32, {2, 0}),
            "tensor a: expected dimensions of at least 1, found [2, 0]");
  EXPECT_EQ(with_tensor("a", DType::kF32, {}), "tensor a: expected a rank of at least 1, found 0");
  EXPECT_EQ(with_tensor("a", DType::kA4, {32}), "tensor a: expected a type that GGUF has, found A4");
  EXPECT_EQ(with_tensor("", DType::kF32, {1}), "tensor: expected a name, found an empty one");
  constexpr int64_t kHuge = int64_t{1} << 40;
  EXPECT_EQ(with_tensor("a", DType::kF32, {kHuge, kHuge}),
            "tensor a: expected fewer than 2^63 elements, found [1099511627776, 1099511627776]");
  EXPECT_NE(with_tensor("a", DType::kF32, {kHuge, 1 << 22}), "");

  FileDraft twice;
  twice.add_tensor("a", DType::kF32, {1});
  twice.add_tensor("a", DType::kF32, {1});
  EXPECT_EQ(complaint_about(twice), "tensor a: expected each name once, found it again");
  for (const uint32_t alignment : {0U, 4U, 33U, 131'072U}) {
    FileDraft draft;
    draft.set_number<uint32_t>("general.alignment", alignment);
    EXPECT_EQ(
        complaint_about(draft),
        fmt::format(
            "metadata general.alignment: expected a u32 that is a power of two from 8 to 65536, found u32 {}",
            alignment));
  }
  FileDraft long_key;
  long_key.set_string(std::string(70'000, 'k'), "");
  EXPECT_NE(complaint_about(long_key), "");
}

TEST(Writer, AnotherAlignment_PlacesTheData) {
  testing::GgufWriter original;
  original.set_alignment(4096).add_tensor("a", {1}, {1.5F}).add_tensor("b", {1}, {2.5F});
  const auto bytes = exact_copy(original.build());
  const auto file = File::parse(bytes, "m.gguf");
  ASSERT_TRUE(file);
  EXPECT_EQ(write_again(*file, 3), original.build());
}

TEST(Writer, AnErrorOfTheSink_IsPassedOn) {
  FileDraft draft;
  draft.add_tensor("a", DType::kF32, {1});
  int n_calls = 0;
  auto writer = Writer::begin(draft, [&](std::span<const std::byte>) -> Result<void> {
    if (++n_calls == 1) return {};
    return make_error(ErrorCode::kResourceExhausted, "full");
  });
  ASSERT_TRUE(writer);
  EXPECT_EQ(n_calls, 0);
  const auto appended = writer->append(std::vector<std::byte>(4));
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().message(), "full");
}

TEST(Writer, GoldenModels_ComeOutByteForByte) {
  HEARTH_NEEDS_TEST_DATA(path, "golden/quant");
  for (const char* name : {"F32.gguf", "Q4_K_S.gguf", "IQ1_M.gguf"}) {
    const auto file = File::open(path / name);
    ASSERT_TRUE(file) << file.error().message();
    EXPECT_TRUE(write_again(*file, 100'000) == testing::read_file(path / name)) << name;
  }
}

TEST(Writer, ARealVocabulary_ComesOutByteForByte) {
  HEARTH_NEEDS_TEST_DATA(path, "tokenizers/gguf/phi-3.gguf");
  const auto file = File::open(path);
  ASSERT_TRUE(file);
  EXPECT_TRUE(write_again(*file, 1) == testing::read_file(path));
}

}  // namespace
}  // namespace hearth::gguf
