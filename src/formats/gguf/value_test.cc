#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/excerpt.h"
#include "formats/gguf/gguf.h"
#include "formats/gguf/gguf_fixture.h"

namespace hearth::gguf {
namespace {

using testing::GgufWriter;

// One value under the key "k", written and read again.
class Written {
 public:
  explicit Written(const GgufWriter& writer) : bytes_(exact_copy(writer.build())) {
    auto file = File::parse(bytes_, "m.gguf");
    EXPECT_TRUE(file) << file.error().message();
    value_ = *file->find("k");
  }
  const Value* operator->() const { return &value_; }

 private:
  std::vector<std::byte> bytes_;
  Value value_;
};

template <typename T>
Written scalar(T value) {
  return Written(GgufWriter().add<T>("k", value));
}
template <typename T>
Written array(const std::vector<T>& values) {
  return Written(GgufWriter().add_array<T>("k", values));
}
Written string(std::string_view text) {
  return Written(GgufWriter().add_string("k", text));
}
Written strings(const std::vector<std::string>& texts) {
  return Written(GgufWriter().add_strings("k", texts));
}

template <typename T>
void expect_integer_extremes() {
  for (const T extreme : {std::numeric_limits<T>::min(), T{1}, std::numeric_limits<T>::max()}) {
    const Written value = scalar<T>(extreme);
    EXPECT_EQ(value->as_u64(),
              std::in_range<uint64_t>(extreme) ? std::optional<uint64_t>(extreme) : std::nullopt);
    EXPECT_EQ(value->as_i64(),
              std::in_range<int64_t>(extreme) ? std::optional<int64_t>(extreme) : std::nullopt);
    EXPECT_EQ(value->as_f64(), static_cast<double>(extreme));
    EXPECT_EQ(value->to_string(), fmt::format("{}", extreme));
    EXPECT_FALSE(value->as_bool() || value->as_string() || value->as_strings() || value->as_integers());
  }
}

TEST(Value, Integers_AtTheirExtremes_ServeEveryTypeThatHoldsThem) {
  expect_integer_extremes<uint8_t>();
  expect_integer_extremes<int8_t>();
  expect_integer_extremes<uint16_t>();
  expect_integer_extremes<int16_t>();
  expect_integer_extremes<uint32_t>();
  expect_integer_extremes<int32_t>();
  expect_integer_extremes<uint64_t>();
  expect_integer_extremes<int64_t>();
}

TEST(Value, Floats_AreNumbersButNotIntegers) {
  EXPECT_EQ(scalar<float>(0.5F)->as_f64(), 0.5);
  EXPECT_EQ(scalar<double>(1e300)->as_f64(), 1e300);
  EXPECT_TRUE(std::isnan(*scalar<float>(NAN)->as_f64()));
  EXPECT_FALSE(scalar<float>(2)->as_u64() || scalar<double>(2)->as_i64());
  EXPECT_EQ(scalar<float>(0.1F)->to_string(), "0.1");
  EXPECT_EQ(scalar<double>(0.1)->to_string(), "0.1");
}

TEST(Value, Bool_IsABoolAlone) {
  EXPECT_EQ(scalar<bool>(true)->as_bool(), true);
  EXPECT_EQ(scalar<bool>(false)->as_bool(), false);
  EXPECT_FALSE(scalar<bool>(true)->as_u64() || scalar<bool>(true)->as_f64());
  EXPECT_EQ(scalar<bool>(true)->to_string(), "true");
}

TEST(Value, String_OfAnyBytes_IsAViewOfThem) {
  using namespace std::string_view_literals;
  EXPECT_EQ(string("a\0b\xff"sv)->as_string(), "a\0b\xff"sv);
  EXPECT_EQ(string("")->as_string(), "");
  EXPECT_FALSE(string("1")->as_u64() || string("1")->as_f64() || string("1")->as_bool());
}

TEST(Value, Default_IsTheEmptyString) {
  EXPECT_EQ(Value().as_string(), "");
  EXPECT_EQ(Value().to_string(), "");
  EXPECT_FALSE(Value().as_u64() || Value().as_strings());
}

TEST(Value, Arrays_KnowTheirElementTypeAndCount) {
  const Written value = array<uint16_t>({7, 8, 9});
  EXPECT_TRUE(value->is_array());
  EXPECT_EQ(value->element_type(), ValueType::kU16);
  EXPECT_EQ(value->count(), 3U);
  EXPECT_FALSE(value->as_u64() || value->as_f64() || value->as_string());
}

TEST(Value, ArraysOfIntegers_OfEveryType_AreIntegers) {
  const std::vector<int64_t> expected{1, 100};
  EXPECT_EQ(array<uint8_t>({1, 100})->as_integers(), expected);
  EXPECT_EQ(array<int8_t>({1, 100})->as_integers(), expected);
  EXPECT_EQ(array<uint16_t>({1, 100})->as_integers(), expected);
  EXPECT_EQ(array<int16_t>({1, 100})->as_integers(), expected);
  EXPECT_EQ(array<uint32_t>({1, 100})->as_integers(), expected);
  EXPECT_EQ(array<int32_t>({1, 100})->as_integers(), expected);
  EXPECT_EQ(array<uint64_t>({1, 100})->as_integers(), expected);
  EXPECT_EQ(array<int64_t>({1, 100})->as_integers(), expected);
  EXPECT_EQ(array<bool>({true, false})->as_integers(), (std::vector<int64_t>{1, 0}));
  EXPECT_FALSE(array<uint64_t>({1, 1ULL << 63})->as_integers());
  EXPECT_FALSE(array<float>({1})->as_integers());
  EXPECT_FALSE(strings({"1"})->as_integers());
}

TEST(Value, ArraysOfNumbers_AreFloatsIfInRange) {
  EXPECT_EQ(array<float>({0.5F, -1})->as_floats(), (std::vector<float>{0.5F, -1}));
  EXPECT_EQ(array<double>({0.5, -1})->as_floats(), (std::vector<float>{0.5F, -1}));
  EXPECT_EQ(array<int32_t>({3, -1})->as_floats(), (std::vector<float>{3, -1}));
  EXPECT_TRUE(std::isinf(array<double>({INFINITY})->as_floats()->front()));
  EXPECT_FALSE(array<double>({0.5, 1e300})->as_floats());
  EXPECT_FALSE(array<bool>({true})->as_floats());
}

TEST(Value, ArraysOfStrings_AreViewsInOrder) {
  EXPECT_EQ(strings({"<s>", "", "the"})->as_strings(), (std::vector<std::string_view>{"<s>", "", "the"}));
  EXPECT_FALSE(strings({"a"})->as_floats());
  EXPECT_FALSE(array<uint8_t>({1})->as_strings());
}

TEST(Value, EmptyArrays_FitEveryElementType) {
  EXPECT_EQ(strings({})->as_strings(), std::vector<std::string_view>{});
  EXPECT_EQ(array<float>({})->as_floats(), std::vector<float>{});
  EXPECT_EQ(array<int32_t>({})->to_string(), "[]");
}

TEST(Value, ToString_AString_IsEscaped) {
  EXPECT_EQ(string("a\nb\x1b[31m\\ \xff \xe2\x80\xae \xc3\xa9")->to_string(),
            "a\\nb\\u{1b}[31m\\\\ \\xff \\u{202e} \xc3\xa9");
}

TEST(Value, ToString_ALongString_IsCutBetweenCharacters) {
  EXPECT_EQ(string("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9")->to_string(6),
            "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9");
  EXPECT_EQ(string("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9")->to_string(5), "\xc3\xa9\xc3\xa9...");
  EXPECT_EQ(string("abc\n\n")->to_string(6), "abc...");
  EXPECT_EQ(string("abcdef")->to_string(2), "..");
  EXPECT_EQ(string("abcdef")->to_string(0), "");
}

TEST(Value, ToString_AnArray_ShowsItsFirstElementsAndCount) {
  EXPECT_EQ(array<int32_t>({1, -2, 3})->to_string(), "[1, -2, 3]");
  EXPECT_EQ(strings({"a\"b", "c"})->to_string(), R"(["a\"b", "c"])");
  const Written value = array<uint16_t>(std::vector<uint16_t>(1000, 7));
  EXPECT_EQ(value->to_string(30), "[7, 7, 7, ...] (1000 elements)");
  for (size_t length = 0; length < 60; ++length) EXPECT_LE(value->to_string(length).size(), length);
}

TEST(Excerpt, Quoted_EscapesQuotesWithinTheLimit) {
  EXPECT_EQ(quoted_excerpt("say \"hi\""), R"("say \"hi\"")");
  EXPECT_EQ(quoted_excerpt("abcdefgh", 8), R"("abc...")");
}

}  // namespace
}  // namespace hearth::gguf
