// Files that lie: each is refused with an error that says where, or read and safe to use; never anything
// else. Peers' defects behind the rows: CVE-2024-21802, CVE-2024-23605 (counts), CVE-2025-53630,
// CVE-2026-27940 (wrapping sizes), CVE-2026-7482 (data beyond the file), CVE-2024-8063 (alignment 0).
#include <gtest/gtest.h>

#include "formats/gguf/gguf_fixture.h"
#include "formats/gguf/limits.h"

namespace hearth::gguf {
namespace {

using testing::GgufBytes;
using testing::GgufWriter;
using testing::kGgufArray;
using testing::kGgufString;
using namespace std::string_literals;
using Numbers = std::initializer_list<uint64_t>;

constexpr uint32_t kF32Id = 0;
constexpr uint32_t kI8Id = 24;
constexpr uint64_t kHuge[] = {UINT64_MAX, 1ULL << 63, 1ULL << 32};

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// `n` pairs of a u8.
void add_pairs(GgufBytes& out, uint64_t n) {
  for (uint64_t i = 0; i < n; ++i) out.string(fmt::format("{:x}", i)).u32(0).number<uint8_t>(1);
}

// `n` tensors of one byte, eight bytes apart, with alignment 8.
std::string many_tensors(uint64_t n) {
  GgufBytes out;
  out.header(n, 1).string("general.alignment").u32(4).u32(8);
  for (uint64_t i = 0; i < n; ++i) out.tensor(fmt::format("{:x}", i), {1}, kI8Id, i * 8);
  return out.pad_to(8).raw(std::string(n * 8, 'x')).bytes();
}

// A pair "k" that begins as `value` says, and 64 more bytes.
std::string with_value(const GgufBytes& value) {
  return GgufBytes().header(0, 1).string("k").raw(value.bytes()).raw(std::string(64, '\0')).bytes();
}

// A tensor "w" and `n_data` bytes of data.
std::string with_tensor(std::span<const uint64_t> dims, uint32_t type, uint64_t offset, size_t n_data = 64) {
  return GgufBytes()
      .header(1, 0)
      .tensor("w", dims, type, offset)
      .pad_to(32)
      .raw(std::string(n_data, 'x'))
      .bytes();
}
std::string with_tensor(std::initializer_list<uint64_t> dims, uint32_t type, uint64_t offset) {
  return with_tensor(std::span(dims.begin(), dims.size()), type, offset);
}

TEST(Hostile, MetadataCount_BeyondLimitOrFile_IsRefused) {
  for (const uint64_t n : kHuge) {
    EXPECT_TRUE(
        contains(complaint(GgufBytes().header(0, n).bytes()), "m.gguf: byte 16: expected a metadata count"));
  }
  for (const uint64_t n : Numbers{kMaxMetadataPairs - 1, kMaxMetadataPairs, kMaxMetadataPairs + 1}) {
    GgufBytes out;
    out.header(0, n);
    add_pairs(out, n);
    if (n <= kMaxMetadataPairs) {
      EXPECT_EQ(complaint(out.bytes()), "");
    } else {
      EXPECT_EQ(error_code(out.bytes()), ErrorCode::kResourceExhausted);
    }
  }
  GgufBytes one_too_few;
  one_too_few.header(0, 3);
  add_pairs(one_too_few, 2);
  EXPECT_EQ(error_code(one_too_few.bytes()), ErrorCode::kMalformed);
}

TEST(Hostile, TensorCount_BeyondLimitOrFile_IsRefused) {
  for (const uint64_t n : kHuge) {
    EXPECT_TRUE(
        contains(complaint(GgufBytes().header(n, 0).bytes()), "m.gguf: byte 8: expected a tensor count"));
  }
  EXPECT_EQ(complaint(many_tensors(kMaxTensors - 1)), "");
  EXPECT_EQ(complaint(many_tensors(kMaxTensors)), "");
  EXPECT_EQ(error_code(many_tensors(kMaxTensors + 1)), ErrorCode::kResourceExhausted);
  EXPECT_EQ(error_code(GgufBytes().header(2, 0).tensor("w", {1}, kI8Id, 0).pad_to(32).raw("x").bytes()),
            ErrorCode::kMalformed);
}

TEST(Hostile, KeyLength_BeyondLimitOrFile_IsRefused) {
  for (const uint64_t n : kHuge) {
    const GgufBytes file = GgufBytes().header(0, 1).u64(n).raw(std::string(64, 'k'));
    EXPECT_TRUE(
        contains(complaint(file.bytes()), "m.gguf: metadata pair 1 of 1: byte 24: expected at most 65535"));
  }
  for (const uint64_t n : Numbers{kMaxNameBytes - 1, kMaxNameBytes, kMaxNameBytes + 1}) {
    const auto key = std::string(n, 'k');
    EXPECT_EQ(complaint(GgufWriter().add_u32(key, 1).build()) == "", n <= kMaxNameBytes) << n;
    EXPECT_EQ(complaint(GgufWriter().add_tensor(key, {1}, {1}).build()) == "", n <= kMaxNameBytes) << n;
  }
  EXPECT_TRUE(contains(complaint(GgufWriter().add_u32("", 1).build()), "expected a key, found an empty one"));
  EXPECT_TRUE(contains(complaint(GgufWriter().add_tensor("", {1}, {1}).build()), "found an empty one"));
}

TEST(Hostile, StringLength_BeyondTheFile_IsRefused) {
  for (const uint64_t n : Numbers{UINT64_MAX, UINT64_MAX - 7, 1ULL << 63, 1ULL << 32, uint64_t{65}}) {
    EXPECT_TRUE(
        contains(complaint(with_value(GgufBytes().u32(kGgufString).u64(n))), "m.gguf: metadata k: byte 45:"))
        << n;
  }
  EXPECT_EQ(complaint(with_value(GgufBytes().u32(kGgufString).u64(64))), "");
  EXPECT_EQ(complaint(with_value(GgufBytes().u32(kGgufString).u64(63))), "");
}

TEST(Hostile, ArrayCount_BeyondTheFile_IsRefusedForEveryElementType) {
  // 2^61 and its neighbours wrap to little or nothing when multiplied by 8.
  constexpr uint64_t kCounts[] = {UINT64_MAX, 1ULL << 63,       1ULL << 62, (1ULL << 62) + 1,
                                  1ULL << 61, (1ULL << 61) + 1, 1ULL << 32, 65};
  for (uint32_t type = 0; type <= 12; ++type) {
    if (type == kGgufArray) continue;
    for (const uint64_t n : kCounts) {
      const std::string file = with_value(GgufBytes().u32(kGgufArray).u32(type).u64(n));
      EXPECT_EQ(error_code(file), ErrorCode::kMalformed) << type << " x " << n;
      EXPECT_TRUE(contains(complaint(file), "m.gguf: metadata k: byte 49: expected ")) << complaint(file);
    }
  }
  EXPECT_EQ(complaint(with_value(GgufBytes().u32(kGgufArray).u32(0).u64(64))), "");
  EXPECT_EQ(complaint(with_value(GgufBytes().u32(kGgufArray).u32(12).u64(8))), "");
  EXPECT_EQ(complaint(with_value(GgufBytes().u32(kGgufArray).u32(kGgufString).u64(8))), "");
  EXPECT_NE(complaint(with_value(GgufBytes().u32(kGgufArray).u32(12).u64(9))), "");
  EXPECT_NE(complaint(with_value(GgufBytes().u32(kGgufArray).u32(kGgufString).u64(9))), "");
}

TEST(Hostile, ValueType_UnknownOrNested_IsRefused) {
  for (const uint32_t type : {13U, 255U, 1U << 31, UINT32_MAX}) {
    EXPECT_EQ(error_code(with_value(GgufBytes().u32(type))), ErrorCode::kMalformed);
    EXPECT_EQ(error_code(with_value(GgufBytes().u32(kGgufArray).u32(type).u64(0))), ErrorCode::kMalformed);
  }
  const std::string nested = with_value(GgufBytes().u32(kGgufArray).u32(kGgufArray).u64(1));
  EXPECT_EQ(error_code(nested), ErrorCode::kUnsupported);
  EXPECT_TRUE(contains(complaint(nested), "metadata k: byte 37: expected an array of plain values"));
}

TEST(Hostile, Bool_NeitherZeroNorOne_IsRefused) {
  EXPECT_EQ(complaint(with_value(GgufBytes().u32(7).raw("\x02"))),
            "m.gguf: metadata k: byte 37: expected a bool of 0 or 1, found 2");
  EXPECT_EQ(complaint(with_value(GgufBytes().u32(kGgufArray).u32(7).u64(3).raw("\x01\x01\xff"))),
            "m.gguf: metadata k: byte 51: expected a bool of 0 or 1, found 255");
}

TEST(Hostile, Names_ThatOccurTwice_AreRefused) {
  GgufWriter keys;
  keys.add_u32("a", 1).add_u32("b", 2).add_string("a", "x");
  EXPECT_EQ(complaint(keys.build()), "m.gguf: metadata a: expected each key once, found it again");
  GgufWriter tensors;
  tensors.add_tensor("w", {1}, {1}).add_tensor("v", {1}, {1}).add_tensor("w", {1}, {1});
  EXPECT_EQ(complaint(tensors.build()), "m.gguf: tensor w: expected each tensor once, found it again");
}

TEST(Hostile, Names_WithTerminalCodes_AreEscapedInErrors) {
  const std::string message = complaint(GgufWriter().add_u32("\x1b[2J\n", 1).add_u32("\x1b[2J\n", 1).build());
  EXPECT_TRUE(contains(message, "metadata \\u{1b}[2J\\n: "));
}

TEST(Hostile, Alignment_ThatTheFormatForbids_IsRefused) {
  for (const uint32_t alignment :
       {0U, 1U, 2U, 3U, 4U, 12U, 31U, 65'535U, 65'537U, 1U << 17, 1U << 31, UINT32_MAX}) {
    EXPECT_EQ(
        complaint(GgufWriter().add_u32("general.alignment", alignment).build()),
        fmt::format(
            "m.gguf: metadata general.alignment: expected a u32 that is a power of two from 8 to 65536, "
            "found u32 {}",
            alignment));
  }
  EXPECT_NE(complaint(GgufWriter().add_u64("general.alignment", 32).build()), "");
  EXPECT_NE(complaint(GgufWriter().add_string("general.alignment", "32").build()), "");
}

TEST(Hostile, Rank_OutsideOneToFour_IsRefused) {
  for (const uint32_t rank : {0U, 5U, 1U << 31, UINT32_MAX}) {
    const GgufBytes file = GgufBytes().header(1, 0).string("w").u32(rank).raw(std::string(128, '\1'));
    EXPECT_EQ(complaint(file.bytes()),
              fmt::format("m.gguf: tensor w: byte 33: expected a rank from 1 to 4, found {}", rank));
  }
}

TEST(Hostile, Dimensions_OfZero_AreRefused) {
  EXPECT_EQ(complaint(with_tensor({0}, kF32Id, 0)),
            "m.gguf: tensor w: byte 37: expected dimensions of at least 1, found 0");
  EXPECT_TRUE(
      contains(complaint(with_tensor({4, 0}, kF32Id, 0)), "byte 45: expected dimensions of at least 1"));
  EXPECT_TRUE(contains(complaint(with_tensor({4, 1, 1, 0}, kF32Id, 0)), "expected dimensions of at least 1"));
}

TEST(Hostile, TensorType_OfAnyId_IsKnownOrRefusedByName) {
  for (uint32_t id = 0; id < 600; ++id) {
    const auto dtype = tensor::dtype_from_id(id);
    const std::vector<uint64_t> row{dtype ? tensor::dtype_traits(*dtype).block_elements : 1};
    const std::string file = with_tensor(row, id, 0, 512);
    if (dtype) {
      EXPECT_EQ(complaint(file), "") << id;
    } else {
      EXPECT_EQ(error_code(file), ErrorCode::kUnsupported) << id;
      EXPECT_TRUE(contains(complaint(file),
                           fmt::format("m.gguf: tensor w: byte 45: expected a tensor type that Hearth "
                                       "knows, found id {},",
                                       id)));
    }
  }
  for (const uint32_t withdrawn : {4U, 5U, 31U, 32U, 33U, 36U, 37U, 38U}) {
    EXPECT_EQ(error_code(with_tensor({32}, withdrawn, 0)), ErrorCode::kUnsupported);
  }
  EXPECT_EQ(error_code(with_tensor({32}, 1U << 31, 0)), ErrorCode::kUnsupported);
  EXPECT_EQ(error_code(with_tensor({32}, UINT32_MAX, 0)), ErrorCode::kUnsupported);
}

TEST(Hostile, Rows_OfPartOfABlock_AreRefusedForEveryType) {
  for (const auto& traits : tensor::all_dtypes()) {
    if (traits.block_elements == 1) continue;
    for (const uint64_t columns : Numbers{1U, traits.block_elements - 1, traits.block_elements + 1}) {
      EXPECT_TRUE(contains(
          complaint(with_tensor({columns, traits.block_elements}, static_cast<uint32_t>(traits.dtype), 0)),
          fmt::format("m.gguf: tensor w: expected rows of whole {} blocks", traits.name)));
    }
  }
}

// Shapes of which the element count, or only the byte size, wraps around 2^64 to something that would fit.
std::vector<std::vector<uint64_t>> wrapping_shapes(const tensor::DTypeTraits& traits) {
  const uint64_t block = traits.block_elements;
  // Blocks of which the bytes reach 2^64 (of one byte each: 2^63, one more than may be counted).
  const uint64_t wraps_bytes = traits.block_bytes == 1 ? 1ULL << 63 : UINT64_MAX / traits.block_bytes + 1;
  return {{1ULL << 63},
          {UINT64_MAX - block + 1},
          {UINT64_MAX / block * block},
          {1ULL << 32, 1ULL << 32},
          {1ULL << 32, 1ULL << 31, 2},
          {1ULL << 16, 1ULL << 16, 1ULL << 16, 1ULL << 16},
          {1ULL << 62, 4},
          {1ULL << 62},
          {1ULL << 61},
          {block, 1ULL << 62, 4, 1},
          {block, UINT64_MAX},
          {block, 1, 1, UINT64_MAX},
          {block, wraps_bytes},
          {block, 1, wraps_bytes, 1},
          {block * 2, wraps_bytes / 2 + 1},
          {block, 3, wraps_bytes / 3 + 1},
          {block, UINT64_MAX / block},
          {block, INT64_MAX / block}};
}

TEST(Hostile, Dimensions_WhoseProductsWrap_AreRefusedForEveryType) {
  for (const auto& traits : tensor::all_dtypes()) {
    for (const auto& dims : wrapping_shapes(traits)) {
      const std::string file = with_tensor(dims, static_cast<uint32_t>(traits.dtype), 0, 1024);
      EXPECT_EQ(error_code(file), ErrorCode::kMalformed)
          << traits.name << " " << fmt::format("{}", fmt::join(dims, " x "));
      EXPECT_TRUE(complaint(file).starts_with("m.gguf: tensor w: expected ")) << complaint(file);
    }
  }
}

TEST(Hostile, Dimensions_OfWhichOnlyTheByteSizeWraps_AreRefused) {
  // 2^62 elements fit into 63 bits; their 2^64 bytes do not fit into 64, and would read as none.
  EXPECT_EQ(complaint(with_tensor({1, 1ULL << 62}, kF32Id, 0)),
            "m.gguf: tensor w: expected fewer than 2^64 bytes, found 1 x 4611686018427387904 of F32");
}

TEST(Hostile, DataOffset_BeyondTheFile_IsRefused) {
  EXPECT_EQ(complaint(with_tensor({8}, kF32Id, 32)), "");
  for (const uint64_t offset :
       Numbers{uint64_t{64}, 1ULL << 32, 1ULL << 63, UINT64_MAX - 31, UINT64_MAX - 63, UINT64_MAX - 95}) {
    EXPECT_TRUE(complaint(with_tensor({8}, kF32Id, offset))
                    .starts_with("m.gguf: tensor w: expected 32 bytes of data "))
        << offset;
  }
  EXPECT_NE(complaint(with_tensor({9}, kF32Id, 32)), "");
}

TEST(Hostile, DataOffset_Misaligned_IsRefused) {
  for (const uint64_t offset : Numbers{1U, 4U, 8U, 16U, 31U, 33U}) {
    EXPECT_EQ(
        complaint(with_tensor({1}, kF32Id, offset)),
        fmt::format("m.gguf: tensor w: byte 49: expected a data offset that is a multiple of 32, found {}",
                    offset));
  }
}

// Two tensors of I8 with 8-byte alignment and 128 bytes of data.
std::string two_tensors(uint64_t size_a, uint64_t offset_a, uint64_t size_b, uint64_t offset_b) {
  GgufBytes out;
  out.header(2, 1).string("general.alignment").u32(4).u32(8);
  out.tensor("a", {size_a}, kI8Id, offset_a).tensor("b", {size_b}, kI8Id, offset_b);
  return out.pad_to(8).raw(std::string(128, 'x')).bytes();
}

TEST(Hostile, TensorData_SharedByTwo_IsRefused) {
  const std::string b_in_a = "m.gguf: tensor b: expected data of its own, found that of tensor a";
  EXPECT_EQ(complaint(two_tensors(32, 0, 32, 32)), "");
  EXPECT_EQ(complaint(two_tensors(32, 32, 32, 0)), "");
  EXPECT_EQ(complaint(two_tensors(32, 0, 32, 64)), "");  // a gap
  EXPECT_EQ(complaint(two_tensors(33, 0, 32, 32)), b_in_a);
  EXPECT_EQ(complaint(two_tensors(128, 0, 1, 64)), b_in_a);
  EXPECT_EQ(complaint(two_tensors(32, 8, 32, 0)),
            "m.gguf: tensor a: expected data of its own, found that of tensor b");
  EXPECT_TRUE(contains(complaint(two_tensors(32, 0, 32, 0)), "expected data of its own"));
  EXPECT_TRUE(contains(complaint(two_tensors(1, 0, 128, 0)), "expected data of its own"));
}

TEST(Hostile, Version_OtherThanTwoOrThree_IsRefusedWithTheReason) {
  const auto of_version = [](uint32_t version) {
    return complaint(GgufBytes().header(0, 0, version).bytes());
  };
  EXPECT_EQ(
      of_version(1),
      "m.gguf: byte 4: expected GGUF version 2 or 3, found 1; convert the model again with a newer tool");
  for (const uint32_t version : {0U, 4U, 1U << 16, UINT32_MAX}) {
    EXPECT_EQ(of_version(version),
              fmt::format("m.gguf: byte 4: expected GGUF version 2 or 3, found {}", version));
  }
  for (const uint32_t version : {1U, 2U, 3U}) {
    EXPECT_EQ(
        of_version(version << 24),
        fmt::format(
            "m.gguf: byte 4: expected a little-endian file, found a big-endian one of version {}; convert it",
            version));
  }
}

TEST(Hostile, ForeignFormats_AreNamed) {
  const std::string padding(64, '\0');
  EXPECT_TRUE(contains(complaint("PK\x03\x04" + padding), "found a zip archive"));
  for (const char* pickle : {"\x80\x02", "\x80\x03", "\x80\x04", "\x80\x05"}) {
    EXPECT_TRUE(contains(complaint(pickle + padding), "found a Python pickle"));
  }
  EXPECT_TRUE(contains(complaint("\x40\0\0\0\0\0\0\0{\"__metadata__\":{}}"s + padding),
                       "found a safetensors file; name the folder"));
  EXPECT_TRUE(contains(complaint("lmgg" + padding), "found a GGML file"));
  EXPECT_TRUE(contains(complaint("fmgg" + padding), "found a GGMF file"));
  EXPECT_TRUE(contains(complaint("tjgg" + padding), "found a GGJT file"));
  EXPECT_TRUE(contains(complaint("algg" + padding), "found a GGLA adapter"));
  EXPECT_TRUE(contains(complaint("version https://git-lfs.github.com/spec/v1\n"), "found a Git LFS pointer"));
  EXPECT_TRUE(contains(complaint("<!DOCTYPE html><html></html>"), "found a web page"));
  EXPECT_EQ(complaint("\x7f"
                      "ELF" +
                      padding),
            "m.gguf: byte 0: expected \"GGUF\", found \"\\u{7f}ELF\"");
  EXPECT_EQ(complaint("x"), "m.gguf: byte 0: expected \"GGUF\", found \"x\"");
}

TEST(Hostile, Files_OfAFewBytes_AreRefused) {
  EXPECT_EQ(complaint(""), "m.gguf: expected a GGUF file, found an empty one");
  EXPECT_EQ(complaint("GG"),
            "m.gguf: byte 0: expected 4 bytes of the magic \"GGUF\", found 2 before the end of the file");
  EXPECT_EQ(complaint("GGUF"),
            "m.gguf: byte 4: expected 4 bytes of the version, found 0 before the end of the file");
}

}  // namespace
}  // namespace hearth::gguf
