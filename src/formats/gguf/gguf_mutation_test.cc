// Good files with damage: cut at every byte, every bit of the header flipped, and thousands of random
// changes. Each is read or refused cleanly, and what was read is used; a sanitizer sees what goes wrong.
#include <gtest/gtest.h>

#include <random>

#include "formats/gguf/gguf_fixture.h"

namespace hearth::gguf {
namespace {

using tensor::DType;
using testing::GgufWriter;
using Numbers = std::initializer_list<uint64_t>;

// Every value type and several tensors; ends with the last byte of the last one.
std::string rich_file(uint32_t version) {
  GgufWriter w(version);
  w.add_string("general.architecture", "llama").set_alignment(32);
  w.add<uint8_t>("u8", 1).add<int8_t>("i8", -1).add<uint16_t>("u16", 1).add<int16_t>("i16", -1);
  w.add_u32("u32", 1).add_i32("i32", -1).add_u64("u64", 1).add<int64_t>("i64", -1);
  w.add_f32("f32", 0.5F).add<double>("f64", 0.5).add_bool("bool", true);
  w.add_strings("strings", {"<s>", "", "the"}).add_array<float>("floats", {1, 2});
  w.add_array<int32_t>("types", {1, 2, 3})
      .add_array<bool>("bools", {true, false})
      .add_array<uint64_t>("none", {});
  w.add_zeros("token_embd.weight", {2, 32}, DType::kQ4_0).add_zeros("norm", {5}, DType::kF32);
  w.add_zeros("experts", {2, 1, 2, 256}, DType::kQ4_K).add_zeros("output", {8}, DType::kF32);
  return w.build();
}

// Where the data begins: everything before it is parsed, not viewed.
size_t header_size(const std::string& bytes) {
  const std::vector<std::byte> copy = exact_copy(bytes);
  const auto file = File::parse(copy, "m.gguf");
  EXPECT_TRUE(file);
  return static_cast<size_t>(file->tensors()[0].data.data() - copy.data());
}

// The random choices of one case, the same on every machine (the standard's distributions are not).
class Dice {
 public:
  explicit Dice(uint64_t seed) : engine_(seed) {}
  uint64_t below(uint64_t n) { return engine_() % n; }
  template <typename T, size_t n>
  T pick(const T (&choices)[n]) {
    return choices[below(n)];
  }

 private:
  std::mt19937_64 engine_;
};

uint64_t hostile_number(Dice& dice) {
  constexpr uint64_t kNumbers[] = {0,          1,          2,
                                   31,         32,         255,
                                   256,        65'535,     65'536,
                                   65'537,     262'145,    1ULL << 31,
                                   1ULL << 32, 1ULL << 61, 1ULL << 62,
                                   1ULL << 63, UINT64_MAX, UINT64_MAX - 31,
                                   UINT32_MAX, INT64_MAX,  UINT64_MAX - 7};
  return dice.pick(kNumbers);
}

void mutate_once(std::string& bytes, Dice& dice) {
  if (bytes.empty()) return;
  const size_t at = dice.below(bytes.size());
  switch (dice.below(6)) {
    case 0:
      bytes.resize(at);
      break;
    case 1:
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << dice.below(8)));
      break;
    case 2:
    case 3: {
      const size_t width = dice.below(2) == 0 ? 4 : 8;
      const uint64_t number = hostile_number(dice);
      if (at + width <= bytes.size()) std::memcpy(bytes.data() + at, &number, width);
      break;
    }
    case 4:
      bytes.insert(at, 1 + dice.below(16), static_cast<char>(dice.below(256)));
      break;
    default:
      bytes.erase(at, 1 + dice.below(16));
  }
}

void expect_read_or_refused(const std::string& bytes, const std::string& what) {
  const std::string message = complaint(bytes);
  EXPECT_TRUE(message.empty() || message.starts_with("m.gguf: ")) << what << ": " << message;
}

class DamagedFile : public ::testing::TestWithParam<uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Version, DamagedFile, ::testing::Values(2, 3));

TEST_P(DamagedFile, CutAtAnyByte_IsRefused) {
  const std::string whole = rich_file(GetParam());
  ASSERT_EQ(complaint(whole), "");
  for (size_t n = 0; n < whole.size(); ++n) {
    const std::string message = complaint(whole.substr(0, n));
    EXPECT_TRUE(message.starts_with("m.gguf: ")) << n << " of " << whole.size() << ": " << message;
  }
}

TEST_P(DamagedFile, AnyBitOfTheHeaderFlipped_IsReadOrRefused) {
  std::string bytes = rich_file(GetParam());
  const size_t n_header = header_size(bytes);
  for (size_t bit = 0; bit < n_header * 8; ++bit) {
    const char original = bytes[bit / 8];
    bytes[bit / 8] = static_cast<char>(original ^ (1 << (bit % 8)));
    expect_read_or_refused(bytes, fmt::format("bit {}", bit));
    bytes[bit / 8] = original;
  }
}

TEST_P(DamagedFile, AnyFieldMadeHostile_IsReadOrRefused) {
  const std::string original = rich_file(GetParam());
  const size_t n_header = header_size(original);
  for (const uint64_t number : Numbers{uint64_t{0}, 1ULL << 32, 1ULL << 63, UINT64_MAX, UINT64_MAX - 31}) {
    for (size_t at = 0; at + 8 <= n_header; ++at) {
      std::string bytes = original;
      std::memcpy(bytes.data() + at, &number, 8);
      expect_read_or_refused(bytes, fmt::format("{} at byte {}", number, at));
    }
  }
}

TEST(DamagedFile, TenThousandRandomChanges_AreReadOrRefused) {
  constexpr int kCases = 10'000;
  const std::string originals[] = {rich_file(2), rich_file(3)};
  int n_read = 0;
  for (int seed = 0; seed < kCases; ++seed) {
    Dice dice(static_cast<uint64_t>(seed));
    std::string bytes = dice.pick(originals);
    for (uint64_t i = 1 + dice.below(4); i > 0; --i) mutate_once(bytes, dice);
    const std::string message = complaint(bytes);
    ASSERT_TRUE(message.empty() || message.starts_with("m.gguf: ")) << "seed " << seed << ": " << message;
    n_read += message.empty() ? 1 : 0;
  }
  // Both ways out are taken often enough to mean something.
  EXPECT_GT(n_read, kCases / 20);
  EXPECT_LT(n_read, kCases - kCases / 20);
}

}  // namespace
}  // namespace hearth::gguf
