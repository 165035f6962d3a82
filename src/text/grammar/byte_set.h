// A set of bytes: what one edge of an automaton may read.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace hearth::text::grammar {

class ByteSet {
 public:
  constexpr ByteSet() = default;
  static constexpr ByteSet of(uint8_t byte) { return range(byte, byte); }
  // From `first` to `last`, both included; none where last < first.
  static constexpr ByteSet range(uint8_t first, uint8_t last) {
    ByteSet set;
    for (unsigned byte = first; byte <= last; ++byte) set.add(static_cast<uint8_t>(byte));
    return set;
  }
  static constexpr ByteSet all() { return range(0, 255); }

  constexpr void add(uint8_t byte) { words_[byte / 64] |= uint64_t{1} << (byte % 64U); }
  constexpr bool contains(uint8_t byte) const { return (words_[byte / 64] >> (byte % 64U) & 1U) != 0; }
  constexpr bool empty() const { return (words_[0] | words_[1] | words_[2] | words_[3]) == 0; }
  constexpr int size() const {
    int n = 0;
    for (const uint64_t word : words_) n += std::popcount(word);
    return n;
  }

  friend constexpr ByteSet operator|(ByteSet a, const ByteSet& b) {
    for (size_t i = 0; i < a.words_.size(); ++i) a.words_[i] |= b.words_[i];
    return a;
  }
  friend constexpr ByteSet operator&(ByteSet a, const ByteSet& b) {
    for (size_t i = 0; i < a.words_.size(); ++i) a.words_[i] &= b.words_[i];
    return a;
  }
  friend constexpr ByteSet operator~(ByteSet a) {
    for (uint64_t& word : a.words_) word = ~word;
    return a;
  }
  constexpr bool operator==(const ByteSet&) const = default;

 private:
  std::array<uint64_t, 4> words_{};
};

}  // namespace hearth::text::grammar
