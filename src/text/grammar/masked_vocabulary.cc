#include "text/grammar/masked_vocabulary.h"

#include <algorithm>
#include <optional>

#include "base/utf8.h"

namespace hearth::text::grammar {
namespace {

// How many characters a word has; nothing for what is none.
std::optional<size_t> word_length(std::string_view bytes) {
  size_t n = 0;
  while (!bytes.empty()) {
    const DecodedCharacter character = decode_utf8(bytes);
    if (!character.valid) return std::nullopt;
    if (character.length_bytes == 1 && !MaskedVocabulary::is_word_byte(static_cast<uint8_t>(bytes[0])))
      return std::nullopt;
    bytes.remove_prefix(character.length_bytes);
    ++n;
  }
  return n;
}

}  // namespace

MaskedVocabulary::MaskedVocabulary(const Tokenizer& tokenizer, std::span<const TokenId> visible)
    : tokenizer_(tokenizer),
      size_(static_cast<size_t>(tokenizer.vocabulary_size())),
      visible_(visible.begin(), visible.end()),
      end_tokens_(size_) {
  words_up_to_.fill(TokenSet(size_));
  std::vector<std::pair<std::string_view, TokenId>> short_words, long_words, others;
  for (TokenId token = 0; token < static_cast<TokenId>(size_); ++token) {
    if (tokenizer.ends_generation(token)) {
      end_tokens_.add(token);
      continue;
    }
    const std::string_view text = bytes(token);
    if (text.empty()) continue;
    const std::optional<size_t> length = word_length(text);
    if (!length) {
      others.emplace_back(text, token);
    } else if (*length > kMaxShortCharacters) {
      long_words.emplace_back(text, token);
    } else {
      short_words.emplace_back(text, token);
      words_up_to_[*length].add(token);
    }
  }
  for (size_t n = 1; n <= kMaxShortCharacters; ++n) words_up_to_[n].add(words_up_to_[n - 1]);
  short_words_ = TokenTrie(std::move(short_words));
  long_words_ = TokenTrie(std::move(long_words));
  others_ = TokenTrie(std::move(others));
}

std::string_view MaskedVocabulary::bytes(TokenId token) const {
  const bool is_visible = std::find(visible_.begin(), visible_.end(), token) != visible_.end();
  switch (tokenizer_.token_type(token)) {
    case TokenType::kNormal:
    case TokenType::kUserDefined:
    case TokenType::kByte:
      return tokenizer_.token_bytes(token, is_visible);
    case TokenType::kUndefined:
    case TokenType::kUnknown:
    case TokenType::kControl:
    case TokenType::kUnused:
      break;
  }
  return is_visible ? tokenizer_.token_bytes(token, /*special=*/true) : std::string_view();
}

}  // namespace hearth::text::grammar
