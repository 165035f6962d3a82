// A vocabulary, arranged for finding the tokens that a grammar allows.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "text/grammar/token_set.h"
#include "text/grammar/token_trie.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::text::grammar {

// Most tokens are words: whole characters none of which is a quotation mark, a backslash or a control
// character. Where a grammar takes any of these characters, as within a JSON string, it takes those tokens
// without being asked for each: by how many characters they have. Immutable, so thread-safe.
class MaskedVocabulary {
 public:
  static constexpr size_t kMaxShortCharacters = 16;

  // `size`: of the model's logits, which may be padded. Control tokens are no text and never allowed, but for
  // `visible` ones. The tokenizer must outlive this.
  MaskedVocabulary(const Tokenizer& tokenizer, size_t size, std::span<const TokenId> visible);

  size_t size() const noexcept { return size_; }
  // As a grammar reads the token: a visible control token's are no text's (control_text.h).
  std::string_view bytes(TokenId token) const;
  bool ends(TokenId token) const { return tokenizer_.ends_generation(token); }
  // Tokens after which an answer is complete.
  const TokenSet& end_tokens() const noexcept { return end_tokens_; }

  // Words of 1 to n characters, for n up to kMaxShortCharacters.
  const TokenSet& words_up_to(size_t n_characters) const { return words_up_to_[n_characters]; }
  const TokenTrie& short_words() const noexcept { return short_words_; }
  const TokenTrie& long_words() const noexcept { return long_words_; }
  const TokenTrie& others() const noexcept { return others_; }

  static bool is_word_byte(uint8_t byte) {
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
  }

 private:
  const Tokenizer& tokenizer_;
  size_t size_;
  std::map<TokenId, std::string> visible_;
  TokenSet end_tokens_;
  std::array<TokenSet, kMaxShortCharacters + 1> words_up_to_;
  TokenTrie short_words_;
  TokenTrie long_words_;
  TokenTrie others_;
};

}  // namespace hearth::text::grammar
