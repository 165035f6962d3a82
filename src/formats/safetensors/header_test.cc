// What is read of a file, and what of a hostile one is refused, and how.
#include <gtest/gtest.h>

#include "formats/safetensors/limits.h"
#include "formats/safetensors/safetensors.h"
#include "tests/support/safetensors_writer.h"

namespace hearth::safetensors {
namespace {

using testing::safetensors_bytes;
using testing::SafetensorsWriter;

Result<File> parse(std::string_view bytes) {
  return File::parse(std::as_bytes(std::span(bytes)), "x.safetensors");
}

// The error of a file with this header and so many bytes of data; of success an empty message.
Error error_of(std::string_view header, size_t data_bytes = 0) {
  const auto file = parse(safetensors_bytes(header, std::string(data_bytes, 'x')));
  return file ? Error(ErrorCode::kInvalidArgument, "") : file.error();
}

void expect_error(const Error& error, ErrorCode code, std::initializer_list<std::string_view> parts) {
  EXPECT_EQ(error.code(), code) << error.message();
  for (const std::string_view part : parts) {
    EXPECT_NE(error.message().find(part), std::string::npos) << "'" << part << "' in: " << error.message();
  }
}

TEST(Safetensors, BytesWrittenByHand_AreRead) {
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"b":{"dtype":"I8","shape":[],"data_offsets":[8,9]},)"
      R"("a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
      R"("none":{"dtype":"F16","shape":[3,0],"data_offsets":[8,8]}} )";
  const std::string bytes =
      std::string("\xC5\0\0\0\0\0\0\0", 8) + header + std::string("\0\0\x80\x3F\0\0\0\x40\x07", 9);
  ASSERT_EQ(header.size(), 0xC5U);
  const auto file = parse(bytes);
  ASSERT_TRUE(file) << file.error().message();
  ASSERT_EQ(file->metadata().size(), 1U);
  EXPECT_EQ(file->metadata()[0].key, "format");
  EXPECT_EQ(file->metadata()[0].value, "pt");
  ASSERT_EQ(file->tensors().size(), 3U);
  const TensorInfo* a = file->find_tensor("a");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->dtype, DType::kF32);
  EXPECT_EQ(a->shape, (std::vector<uint64_t>{2, 1}));
  ASSERT_EQ(a->data.size(), 8U);
  float values[2];
  std::memcpy(values, a->data.data(), 8);
  EXPECT_EQ(values[0], 1.0F);
  EXPECT_EQ(values[1], 2.0F);
  const TensorInfo* b = file->find_tensor("b");
  ASSERT_NE(b, nullptr);
  EXPECT_TRUE(b->shape.empty());
  EXPECT_EQ(std::to_integer<int>(b->data[0]), 7);
  ASSERT_NE(file->find_tensor("none"), nullptr);
  EXPECT_TRUE(file->find_tensor("none")->data.empty());
  EXPECT_EQ(file->find_tensor("c"), nullptr);
}

TEST(Safetensors, EveryType_HasItsSizeInBytes) {
  const std::pair<const char*, size_t> sizes[] = {
      {"BOOL", 8}, {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},   {"I8", 8},    {"F8_E5M2", 8},
      {"I16", 16}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"U16", 16},    {"F16", 16}, {"BF16", 16}, {"I32", 32},
      {"U32", 32}, {"F32", 32},    {"C64", 64},    {"F64", 64},    {"I64", 64}, {"U64", 64}};
  for (const auto& [name, bits] : sizes) {
    EXPECT_TRUE(parse(SafetensorsWriter().add("t", name, {2, 4}, std::string(bits, 'x')).build())) << name;
    EXPECT_FALSE(parse(SafetensorsWriter().add("t", name, {2, 4}, std::string(bits + 1, 'x')).build()))
        << name;
  }
  expect_error(error_of(R"({"t":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}})", 1), ErrorCode::kMalformed,
               {"t", "whole number of bytes"});
}

TEST(Safetensors, NoTensors_IsAFile) {
  EXPECT_EQ(error_of("{}").message(), "");
  EXPECT_EQ(error_of("{}   ").message(), "");
}

TEST(SafetensorsHostile, Lengths_AreHeldToTheFile) {
  for (size_t n = 0; n < 8; ++n) EXPECT_FALSE(parse(std::string(n, '\0')));
  for (const uint64_t length :
       {~uint64_t{0}, uint64_t{1} << 63, uint64_t{1} << 32, ~uint64_t{0} - 7, uint64_t{3}}) {
    std::string bytes(reinterpret_cast<const char*>(&length), 8);
    const auto file = parse(bytes += "{}");
    ASSERT_FALSE(file);
    expect_error(file.error(), ErrorCode::kMalformed, {"x.safetensors", "at most 2", std::to_string(length)});
  }
  const uint64_t beyond = kMaxHeaderBytes + 1;
  std::string large(reinterpret_cast<const char*>(&beyond), 8);
  large.resize(8 + beyond, ' ');
  const auto file = parse(large);
  ASSERT_FALSE(file);
  expect_error(file.error(), ErrorCode::kResourceExhausted, {"100000000", "100000001"});
}

TEST(SafetensorsHostile, TruncatedAnywhere_IsRefused) {
  const std::string whole =
      SafetensorsWriter().add("a", "F32", {2}, std::string(8, 'x')).add("b", "U8", {3}, "xyz").build();
  ASSERT_TRUE(parse(whole));
  for (size_t n = 0; n < whole.size(); ++n) EXPECT_FALSE(parse(std::string_view(whole).substr(0, n))) << n;
  EXPECT_FALSE(parse(whole + "x")) << "a byte behind the last tensor";
}

TEST(SafetensorsHostile, HeaderThatIsNotTheFormatsJson_SaysWhat) {
  const std::string tensor = R"("a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  const std::pair<std::string, std::string_view> cases[] = {
      {"", "expected a JSON object"},
      {" {}", "expected a JSON object"},
      {"\xEF\xBB\xBF{}", "expected a JSON object"},
      {"[]", "expected a JSON object"},
      {"{", "expected JSON"},
      {"{}x", "expected JSON"},
      {"{}{}", "expected JSON"},
      {std::string("{}\0", 3), "found a zero"},
      {"{" + tensor + ",}", "expected JSON"},
      {"{/**/}", "expected JSON"},
      {"{\"\xFF\":{}}", "expected JSON"},
      {R"({"a":1})", "a: expected an object, found 1"},
      {R"({"a":-1})", "expected an object"},
      {R"({"a":1.5})", "found 1.5"},
      {R"({"a":null})", "found null"},
      {R"({"a":true})", "found a bool"},
      {R"({"a":"b"})", "expected an object"},
      {R"({"a":[]})", "found an array"},
      {R"({"a":{}})", "expected dtype"},
      {R"({"a":{"dtype":"U8","shape":[1]}})", "expected data_offsets"},
      {R"({"a":{"dtype":"U8","data_offsets":[0,1]}})", "expected shape"},
      {R"({"a":{"shape":[1],"data_offsets":[0,1]}})", "expected dtype"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1}})", "found \"x\""},
      {R"({"a":{"dtype":8}})", "expected a string"},
      {R"({"a":{"dtype":["U8"]}})", "expected a string"},
      {R"({"a":{"shape":"1"}})", "array of numbers"},
      {R"({"a":{"shape":{}}})", "array of numbers"},
      {R"({"a":{"shape":[[1]]}})", "array of numbers"},
      {R"({"a":{"shape":[-1]}})", "found -1"},
      {R"({"a":{"shape":[1.0]}})", "found 1.0"},
      {R"({"a":{"shape":[1e2]}})", "found 1e2"},
      {R"({"a":{"shape":[18446744073709551616]}})", "found 18446744073709551616"},
      {R"({"a":{"shape":[null]}})", "found null"},
      {R"({"a":{"shape":[1,1,1,1,1,1,1,1,1]}})", "at most 8 dimensions"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}})", "two data_offsets, found 1"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}})", "two data_offsets"},
      {R"({"__metadata__":[]})", "found an array"},
      {R"({"__metadata__":{"a":1}})", "expected a string"},
      {R"({"__metadata__":{"a":{}}})", "expected a string"},
      {"{" + tensor + "," + tensor + "}", "a: expected once"},
      {R"({"a":{"dtype":"U8","dtype":"U8"}})", "dtype: expected once"},
      {R"({"__metadata__":{},"__metadata__":{}})", "__metadata__: expected once"},
      {R"({"__metadata__":{"a":"b","a":"c"}})", "a: expected once"},
      {R"({"\u0061":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)" + tensor + "}", "a: expected once"},
  };
  for (const auto& [header, expected] : cases) {
    SCOPED_TRACE(header);
    expect_error(error_of(header, 1), ErrorCode::kMalformed, {"x.safetensors: header", expected});
  }
  expect_error(error_of(R"({"a":{"dtype":"F128","shape":[1],"data_offsets":[0,16]}})", 16),
               ErrorCode::kUnsupported, {"tensor a", "dtype", "F128"});
}

TEST(SafetensorsHostile, DeepJson_IsRefusedWithoutRecursion) {
  for (const char* begin : {R"({"a":)", R"({"__metadata__":)", R"({"a":{"shape":)"}) {
    EXPECT_FALSE(error_of(begin + std::string(5'000'000, '[')).message().empty());
    std::string objects = begin;
    for (int i = 0; i < 1'000'000; ++i) objects += R"({"a":)";
    EXPECT_FALSE(error_of(objects).message().empty());
  }
}

TEST(SafetensorsHostile, Offsets_FillTheDataOnceInOrder) {
  const auto two = [](const std::string& first, const std::string& second, size_t data_bytes) {
    return error_of(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" + first +
                        R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + second + "}}",
                    data_bytes);
  };
  EXPECT_EQ(two("[0,4]", "[4,8]", 8).message(), "");
  EXPECT_EQ(two("[4,8]", "[0,4]", 8).message(), "") << "the order of the header is free";
  expect_error(two("[0,4]", "[5,9]", 9), ErrorCode::kMalformed, {"tensor b", "from byte 4 on", "[5, 9]"});
  expect_error(two("[0,4]", "[3,7]", 7), ErrorCode::kMalformed, {"tensor b", "from byte 4 on"});
  expect_error(two("[0,4]", "[0,4]", 4), ErrorCode::kMalformed, {"from byte 4 on"});
  expect_error(two("[1,5]", "[5,9]", 9), ErrorCode::kMalformed, {"tensor a", "from byte 0 on"});
  expect_error(two("[0,4]", "[4,3]", 8), ErrorCode::kMalformed, {"tensor b"});
  expect_error(two("[0,5]", "[5,9]", 9), ErrorCode::kMalformed, {"tensor a", "4 bytes for U8 [4]"});
  expect_error(two("[0,4]", "[4,8]", 7), ErrorCode::kMalformed, {"tensor b", "within 7 bytes"});
  expect_error(two("[0,4]", "[4,8]", 9), ErrorCode::kMalformed, {"1 bytes behind"});
  expect_error(two("[0,4]", "[18446744073709551612,18446744073709551615]", 8), ErrorCode::kMalformed,
               {"tensor b"});
}

TEST(SafetensorsHostile, ShapesThatWrap_AreRefused) {
  const auto shaped = [](const std::string& dtype, const std::string& shape, const std::string& end) {
    return error_of(
        R"({"a":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":[0,)" + end + "]}}", 0);
  };
  for (const char* dtype : {"F4", "U8", "F16", "F32", "F64"}) {
    for (const char* shape : {"[18446744073709551615]", "[4294967296,4294967296]", "[9223372036854775808,2]",
                              "[2305843009213693952,8]", "[4611686018427387904,4]"}) {
      expect_error(shaped(dtype, shape, "0"), ErrorCode::kMalformed, {"tensor a"});
      expect_error(shaped(dtype, shape, "18446744073709551615"), ErrorCode::kMalformed, {"tensor a"});
    }
  }
  EXPECT_EQ(shaped("F32", "[0,18446744073709551615]", "0").message(), "");
}

TEST(SafetensorsHostile, CountsBeyondTheLimits_AreRefused) {
  std::string many = "{";
  for (uint64_t i = 0; i <= kMaxTensors; ++i) {
    many += fmt::format(R"({}"{}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})", i > 0 ? "," : "", i);
  }
  expect_error(error_of(many + "}"), ErrorCode::kResourceExhausted, {"262144 tensors"});
  expect_error(error_of("{\"" + std::string(kMaxNameBytes + 1, 'a') + "\":{}}"),
               ErrorCode::kResourceExhausted, {"65535 bytes"});
}

}  // namespace
}  // namespace hearth::safetensors
