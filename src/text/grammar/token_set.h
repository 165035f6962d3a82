// A set of tokens of a vocabulary.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "text/tokenizer/tokenizer.h"

namespace hearth::text::grammar {

// Bit i % 64 of word i / 64 is token i's.
class TokenSet {
 public:
  TokenSet() = default;
  explicit TokenSet(size_t vocabulary_size) : words_((vocabulary_size + 63) / 64) {}

  void clear() { words_.assign(words_.size(), 0); }
  void add(TokenId token) {
    words_[static_cast<size_t>(token) / 64] |= uint64_t{1} << (static_cast<size_t>(token) % 64);
  }
  void add(const TokenSet& other) {
    for (size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  }
  bool contains(TokenId token) const {
    return (words_[static_cast<size_t>(token) / 64] >> (static_cast<size_t>(token) % 64) & 1U) != 0;
  }
  size_t size() const {
    size_t n = 0;
    for (const uint64_t word : words_) n += static_cast<size_t>(std::popcount(word));
    return n;
  }
  std::span<const uint64_t> words() const noexcept { return words_; }

 private:
  std::vector<uint64_t> words_;
};

}  // namespace hearth::text::grammar
