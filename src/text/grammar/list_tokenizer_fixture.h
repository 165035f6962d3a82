// For tests: a vocabulary that is a list of texts.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "text/tokenizer/tokenizer.h"

namespace hearth::text::grammar {

// Token 0 ends an answer, and the last `n_control` ones are control tokens.
class ListTokenizer : public Tokenizer {
 public:
  explicit ListTokenizer(std::vector<std::string> texts, size_t n_control = 0)
      : texts_(std::move(texts)), first_control_(texts_.size() - n_control) {}

  // The longest token at each place.
  std::vector<TokenId> encode(std::string_view text, const EncodeOptions&) const override {
    std::vector<TokenId> tokens;
    while (!text.empty()) {
      size_t best = 0;
      for (size_t i = 1; i < first_control_; ++i) {
        if (text.starts_with(texts_[i]) && (best == 0 || texts_[i].size() > texts_[best].size())) best = i;
      }
      if (best == 0) break;
      tokens.push_back(static_cast<TokenId>(best));
      text.remove_prefix(texts_[best].size());
    }
    return tokens;
  }
  std::string_view token_bytes(TokenId id, bool special) const override {
    return token_type(id) == TokenType::kControl && !special ? std::string_view()
                                                             : texts_[static_cast<size_t>(id)];
  }
  int64_t vocabulary_size() const override { return static_cast<int64_t>(texts_.size()); }
  std::optional<TokenId> bos() const override { return std::nullopt; }
  std::optional<TokenId> eos() const override { return 0; }
  bool ends_generation(TokenId id) const override { return id == 0; }
  TokenType token_type(TokenId id) const override {
    return id == 0 || static_cast<size_t>(id) >= first_control_ ? TokenType::kControl : TokenType::kNormal;
  }
  bool adds_space_prefix() const override { return false; }

 private:
  std::vector<std::string> texts_;
  size_t first_control_;
};

}  // namespace hearth::text::grammar
