// SentencePiece's precompiled_charsmap: which strings a normalisation replaces by which. A trie in the form
// of darts-clone, then the replacements, each ended by a zero. Source: google/sentencepiece,
// src/normalizer.cc and third_party/darts_clone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::text {

// Immutable, so thread-safe.
class Charsmap {
 public:
  // Replaces nothing.
  Charsmap() = default;
  // kMalformed where the bytes are not of this form. Empty bytes replace nothing.
  static Result<Charsmap> create(std::string_view bytes);

  struct Replacement {
    size_t length;  // of what is replaced
    std::string_view text;
  };
  // The longest, or the shortest, beginning of `text` that is replaced.
  std::optional<Replacement> longest_prefix(std::string_view text) const noexcept {
    return find_prefix(text, true);
  }
  std::optional<Replacement> shortest_prefix(std::string_view text) const noexcept {
    return find_prefix(text, false);
  }

 private:
  std::optional<Replacement> find_prefix(std::string_view text, bool longest) const noexcept;

  std::vector<uint32_t> units_;
  std::string replacements_;
};

}  // namespace hearth::text
