#include "text/grammar/masked_vocabulary.h"

#include <algorithm>
#include <optional>

#include "base/utf8.h"
#include "text/grammar/control_text.h"

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

MaskedVocabulary::MaskedVocabulary(const Tokenizer& tokenizer, size_t size, std::span<const TokenId> visible)
    : tokenizer_(tokenizer), size_(size), end_tokens_(size_) {
  words_up_to_.fill(TokenSet(size_));
  for (const TokenId token : visible) {
    if (tokenizer.token_type(token) == TokenType::kControl)
      visible_.emplace(token, control_token_bytes(tokenizer.token_bytes(token, /*special=*/true)));
  }
  std::vector<std::pair<std::string_view, TokenId>> short_words, long_words, others;
  const auto n_tokens = std::min(static_cast<int64_t>(size_), tokenizer.vocabulary_size());
  for (TokenId token = 0; token < n_tokens; ++token) {
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
  switch (tokenizer_.token_type(token)) {
    case TokenType::kNormal:
    case TokenType::kUserDefined:
    case TokenType::kByte:
      return tokenizer_.token_bytes(token, /*special=*/false);
    case TokenType::kControl:
      if (const auto found = visible_.find(token); found != visible_.end()) return found->second;
      break;
    case TokenType::kUndefined:
    case TokenType::kUnknown:
    case TokenType::kUnused:
      break;
  }
  return {};
}

}  // namespace hearth::text::grammar
