// The distinct words of a corpus and how often each occurs: all that training a BPE must keep of the texts.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/tokenizer/symbol_table.h"

namespace hearth::text {

// Not thread-safe.
class WordCounts {
 public:
  // What a word takes at most, here and in PairMerging together: so much, and so much for each of its bytes.
  static constexpr uint64_t kWordBytes = 96;
  static constexpr uint64_t kByteBytes = 20;

  explicit WordCounts(uint64_t memory_bytes) : memory_bytes_(memory_bytes) {}

  // kResourceExhausted, with the numbers, where it is one more distinct word than the memory holds.
  Result<void> add(std::string_view word);

  size_t size() const noexcept { return counts_.size(); }
  std::string_view word(size_t i) const noexcept { return words_.bytes(static_cast<SymbolId>(i)); }
  uint64_t count(size_t i) const noexcept { return counts_[i]; }
  // Of the distinct words, each once.
  uint64_t n_bytes() const noexcept { return n_bytes_; }

 private:
  uint64_t memory_bytes_;
  SymbolTable words_;
  std::vector<uint64_t> counts_;
  uint64_t n_bytes_ = 0;
};

}  // namespace hearth::text
