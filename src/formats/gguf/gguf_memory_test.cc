// What parsing allocates, counted: at most 64 MiB beyond the file, whatever the file holds. A program of its
// own, since it replaces operator new.
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <new>

#include "formats/gguf/gguf_fixture.h"
#include "formats/gguf/limits.h"

namespace {

// Of all allocations; the tests run on one thread.
size_t allocated_bytes = 0;
size_t peak_bytes = 0;

void* count_allocation(size_t size) {
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) std::abort();
  allocated_bytes += malloc_usable_size(memory);
  peak_bytes = std::max(peak_bytes, allocated_bytes);
  return memory;
}

void count_release(void* memory) noexcept {
  if (memory != nullptr) allocated_bytes -= malloc_usable_size(memory);
  std::free(memory);
}

}  // namespace

void* operator new(size_t size) {
  return count_allocation(size);
}
void* operator new[](size_t size) {
  return count_allocation(size);
}
void operator delete(void* memory) noexcept {
  count_release(memory);
}
void operator delete[](void* memory) noexcept {
  count_release(memory);
}
void operator delete(void* memory, size_t) noexcept {
  count_release(memory);
}
void operator delete[](void* memory, size_t) noexcept {
  count_release(memory);
}

namespace hearth::gguf {
namespace {

using testing::GgufBytes;
using testing::GgufWriter;

constexpr size_t kAllowedBytes = 64U << 20;
constexpr uint32_t kI8Id = 24;

// The most that `work` had allocated at a time, beyond what there was before.
template <typename Work>
size_t measure_peak(Work work) {
  const size_t before = allocated_bytes;
  peak_bytes = before;
  work();
  return peak_bytes - before;
}

void expect_modest(const std::string& bytes, bool is_good) {
  const auto view = std::as_bytes(std::span(bytes));
  bool was_read = false;
  const size_t peak = measure_peak([&] { was_read = File::parse(view, "m.gguf").has_value(); });
  EXPECT_EQ(was_read, is_good);
  EXPECT_LE(peak, kAllowedBytes) << "for a file of " << bytes.size() << " bytes";
  ::testing::Test::RecordProperty("peak_bytes", fmt::format("{}", peak));
}

void add_pairs(GgufBytes& out, uint64_t n) {
  for (uint64_t i = 0; i < n; ++i) out.string(fmt::format("{:x}", i)).u32(0).number<uint8_t>(1);
}

// As many pairs and tensors as the limits allow, each as small as the format allows.
std::string file_of_tiny_entries(uint64_t last_offset) {
  GgufBytes out;
  out.header(kMaxTensors, kMaxMetadataPairs).string("general.alignment").u32(4).u32(8);
  add_pairs(out, kMaxMetadataPairs - 1);
  for (uint64_t i = 0; i < kMaxTensors; ++i) {
    out.tensor(fmt::format("{:x}", i), {1}, kI8Id, i + 1 < kMaxTensors ? i * 8 : last_offset);
  }
  return out.pad_to(8).raw(std::string(kMaxTensors * 8, 'x')).bytes();
}

TEST(ParsingMemory, Counter_SeesAllocations) {
  EXPECT_GE(measure_peak([] { std::vector<char>(1'000'000).front() = 1; }), 1'000'000U);
}

TEST(ParsingMemory, MostAndSmallestEntries_StayWithinTheLimit) {
  expect_modest(file_of_tiny_entries((kMaxTensors - 1) * 8), true);
}

TEST(ParsingMemory, MostEntriesRefusedAtTheEnd_StayWithinTheLimit) {
  expect_modest(file_of_tiny_entries(0), false);
  expect_modest(file_of_tiny_entries(1ULL << 63), false);
}

TEST(ParsingMemory, CountsWithoutEntries_StayWithinTheLimit) {
  expect_modest(GgufBytes().header(kMaxTensors, kMaxMetadataPairs).raw(std::string(9'000'000, '\0')).bytes(),
                false);
}

TEST(ParsingMemory, ArraysOfMillions_AreViews) {
  constexpr uint64_t kMillions = 4U << 20;
  const auto array = [](uint32_t type) {
    return GgufBytes().header(0, 1).string("k").u32(9).u32(type).u64(kMillions);
  };
  const std::string zeros(kMillions * 8, '\0');
  for (const uint32_t type : {0U, 7U, 8U, 12U}) {
    const std::string file = array(type).raw(zeros).bytes();
    const auto view = std::as_bytes(std::span(file));
    EXPECT_LT(measure_peak([&] { EXPECT_TRUE(File::parse(view, "m.gguf")); }), 4096U) << type;
  }
}

TEST(ParsingMemory, LongNames_AreViewsInErrorsToo) {
  const std::string name(kMaxNameBytes, '\x1b');
  GgufWriter writer;
  for (int i = 0; i < 64; ++i) writer.add_u32(fmt::format("{:02}{}", i, name.substr(2)), 1);
  writer.add_tensor(name, {1}, {1}).add_tensor(name, {1}, {1});
  const std::string file = writer.build();
  const auto view = std::as_bytes(std::span(file));
  EXPECT_LT(measure_peak([&] { EXPECT_FALSE(File::parse(view, "m.gguf")); }), 65'536U);
}

TEST(ParsingMemory, SplitsOfMostEntries_StayWithinTheLimit) {
  const TemporaryFolder folder;
  for (const uint32_t n_parts : {2U, 3U, static_cast<uint32_t>(kMaxParts)}) {
    GgufWriter writer;
    writer.set_alignment(8);
    for (uint64_t i = 0; i < kMaxTensors; ++i) {
      writer.add_tensor(fmt::format("{:x}", i), {1}, tensor::DType::kI8, "x");
    }
    const auto paths = writer.write_split(folder.path(), "m", n_parts);
    size_t n_tensors = 0;
    const size_t peak = measure_peak([&] {
      const auto file = File::open(paths[0]);
      n_tensors = file ? file->tensors().size() : 0;
    });
    EXPECT_LE(peak, kAllowedBytes) << n_parts;
    ::testing::Test::RecordProperty(fmt::format("peak_bytes_{}_parts", n_parts), fmt::format("{}", peak));
    EXPECT_EQ(n_tensors, kMaxTensors);
  }
}

TEST(ParsingMemory, PartsOfMostPairs_AreReadOneAtATime) {
  const TemporaryFolder folder;
  constexpr uint32_t kPairParts = 8;
  GgufBytes part;
  part.header(0, kMaxMetadataPairs);
  add_pairs(part, kMaxMetadataPairs);
  for (uint32_t i = 1; i <= kPairParts; ++i) {
    std::ofstream(folder / fmt::format("m-{:05}-of-{:05}.gguf", i, kPairParts), std::ios::binary)
        << part.bytes();
  }
  size_t n_pairs = 0;
  const size_t peak = measure_peak([&] {
    const auto file = File::open(folder / fmt::format("m-00001-of-{:05}.gguf", kPairParts));
    n_pairs = file ? file->metadata().size() : 0;
  });
  EXPECT_EQ(n_pairs, kMaxMetadataPairs);
  EXPECT_LE(peak, 16U << 20);
}

}  // namespace
}  // namespace hearth::gguf
