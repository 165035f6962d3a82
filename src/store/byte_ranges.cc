#include "store/byte_ranges.h"

#include <algorithm>

namespace hearth::store {

void RangeSet::add(ByteRange range) {
  if (range.begin >= range.end) return;
  const auto first = std::ranges::lower_bound(ranges_, range.begin, {}, &ByteRange::end);
  auto last = first;
  for (; last != ranges_.end() && last->begin <= range.end; ++last) {
    range.begin = std::min(range.begin, last->begin);
    range.end = std::max(range.end, last->end);
    size_bytes_ -= last->size_bytes();
  }
  size_bytes_ += range.size_bytes();
  ranges_.insert(ranges_.erase(first, last), range);
}

void RangeSet::remove(ByteRange range) {
  if (range.begin >= range.end) return;
  std::vector<ByteRange> kept;
  size_bytes_ = 0;
  const auto keep = [&](uint64_t begin, uint64_t end) {
    if (begin >= end) return;
    kept.push_back({begin, end});
    size_bytes_ += end - begin;
  };
  for (const ByteRange& old : ranges_) {
    keep(old.begin, std::min(old.end, range.begin));
    keep(std::max(old.begin, range.end), old.end);
  }
  ranges_ = std::move(kept);
}

bool RangeSet::overlaps(ByteRange range) const {
  const auto at = std::ranges::upper_bound(ranges_, range.begin, {}, &ByteRange::end);
  return range.begin < range.end && at != ranges_.end() && at->begin < range.end;
}

uint64_t RangeSet::end_of_run(uint64_t begin) const {
  const auto at = std::ranges::upper_bound(ranges_, begin, {}, &ByteRange::end);
  return at != ranges_.end() && at->begin <= begin ? at->end : begin;
}

}  // namespace hearth::store
