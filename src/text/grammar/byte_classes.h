// Bytes that an automaton never tells apart, so that its table has a column for each class and not for each
// byte.
#pragma once

#include <bitset>
#include <cstdint>
#include <vector>

namespace hearth::text::grammar {

class ByteClasses {
 public:
  // An edge reads `first` to `last`: bytes on its two sides differ.
  void separate(uint8_t first, uint8_t last) {
    if (first > 0) ends_.set(size_t{first} - 1);
    ends_.set(last);
  }
  // The class of each byte, from 0 without gaps.
  std::vector<uint8_t> classes() const {
    std::vector<uint8_t> classes(256);
    uint8_t current = 0;
    for (size_t byte = 0; byte < 256; ++byte) {
      classes[byte] = current;
      if (ends_[byte] && byte < 255) ++current;
    }
    return classes;
  }

 private:
  std::bitset<256> ends_;  // of runs
};

}  // namespace hearth::text::grammar
