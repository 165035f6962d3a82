#include "store/byte_ranges.h"

#include <gtest/gtest.h>

#include <random>

namespace hearth::store {
namespace {

TEST(RangeSet, AgreesWithASetOfBytes) {
  constexpr uint64_t kBytes = 40;
  std::mt19937 random(1);
  RangeSet set;
  std::vector<bool> bytes(kBytes + 1);  // the last is never in it
  for (int step = 0; step < 3000; ++step) {
    uint64_t begin = random() % kBytes;
    uint64_t end = random() % (kBytes + 1);
    if (begin > end) std::swap(begin, end);
    bool overlaps = false;
    for (uint64_t at = begin; at < end; ++at) overlaps = overlaps || bytes[at];
    ASSERT_EQ(set.overlaps({begin, end}), overlaps) << begin << " " << end;
    const bool adds = random() % 2 == 0;
    adds ? set.add({begin, end}) : set.remove({begin, end});
    for (uint64_t at = begin; at < end; ++at) bytes[at] = adds;

    std::vector<ByteRange> expected;
    uint64_t size = 0;
    for (uint64_t at = 0; at < kBytes; ++at) {
      if (!bytes[at]) continue;
      ++size;
      if (expected.empty() || expected.back().end != at) expected.push_back({at, at});
      expected.back().end = at + 1;
    }
    ASSERT_EQ(set.ranges(), expected);
    ASSERT_EQ(set.size_bytes(), size);
    const uint64_t from = random() % kBytes;
    uint64_t run = from;
    while (bytes[run]) ++run;
    ASSERT_EQ(set.end_of_run(from), run);
  }
}

}  // namespace
}  // namespace hearth::store
