// Turns words, as a pre-tokenizer cuts them out of a text, into tokens. This is what the kinds of vocabulary
// differ in: BPE merges, WordPiece takes the longest, Unigram the likeliest.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "text/tokenizer/tokenizer.h"

namespace hearth::text {

// Immutable once made, so thread-safe. The vocabulary that it was made with must outlive it.
class WordEncoder {
 public:
  // The working memory of one call of Tokenizer::encode; not thread-safe.
  class Session {
   public:
    virtual ~Session() = default;
    // Appends the tokens of `word`. Never fails: what no token spells becomes bytes or the unknown token.
    virtual void encode(std::string_view word, std::vector<TokenId>& out) = 0;
  };

  virtual ~WordEncoder() = default;
  virtual std::unique_ptr<Session> start() const = 0;
};

}  // namespace hearth::text
