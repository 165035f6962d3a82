// Which bytes of a file are meant.
#pragma once

#include <cstdint>
#include <vector>

namespace hearth::store {

struct ByteRange {
  uint64_t begin = 0;
  uint64_t end = 0;  // behind the last byte

  uint64_t size_bytes() const noexcept { return end - begin; }
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

// A set of bytes, as few ranges as it takes: sorted, disjoint, never touching. Not thread-safe.
class RangeSet {
 public:
  void add(ByteRange range);
  void remove(ByteRange range);
  bool overlaps(ByteRange range) const;
  // Where the bytes that follow `begin` without a gap end: `begin` where it is not among them.
  uint64_t end_of_run(uint64_t begin) const;
  uint64_t size_bytes() const noexcept { return size_bytes_; }
  bool empty() const noexcept { return ranges_.empty(); }
  const std::vector<ByteRange>& ranges() const noexcept { return ranges_; }

 private:
  std::vector<ByteRange> ranges_;
  uint64_t size_bytes_ = 0;
};

}  // namespace hearth::store
