// What tokenizers share.
#pragma once

#include <span>
#include <utility>

#include "text/tokenizer/tokenizer.h"
#include "text/tokenizer/vocabulary.h"

namespace hearth::text {

// What a vocabulary alone tells.
class VocabularyTokenizer : public Tokenizer {
 public:
  explicit VocabularyTokenizer(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}

  std::string_view token_bytes(TokenId id, bool special) const override;
  int64_t vocabulary_size() const final { return static_cast<int64_t>(vocabulary_.size()); }
  std::optional<TokenId> bos() const final { return vocabulary_.bos(); }
  std::optional<TokenId> eos() const final { return vocabulary_.eos(); }
  bool ends_generation(TokenId id) const final;
  TokenType token_type(TokenId id) const override;

 protected:
  Vocabulary vocabulary_;  // final once the tokenizer has been created
};

// Special tokens are cut out of the text, and what lies between them is encoded by the kind of vocabulary.
class TokenizerBase : public VocabularyTokenizer {
 public:
  using VocabularyTokenizer::VocabularyTokenizer;

  std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options) const final;

 protected:
  // A piece of a text: a special token, or ordinary text, which is not empty.
  struct Part {
    std::optional<TokenId> special;
    std::string_view text;
  };
  virtual void encode_parts(std::span<const Part> parts, std::vector<TokenId>& out) const = 0;

  // Longer words are cut, which bounds the memory that merging takes.
  static constexpr size_t kMaxWordBytes = size_t{4} << 20;

 private:
  std::vector<Part> cut_out_special(std::string_view text, const EncodeOptions& options) const;
};

Result<std::unique_ptr<const Tokenizer>> create_bpe_tokenizer(const VocabularySource& source);
Result<std::unique_ptr<const Tokenizer>> create_spm_tokenizer(const VocabularySource& source);
Result<std::unique_ptr<const Tokenizer>> create_wordpiece_tokenizer(const VocabularySource& source);
Result<std::unique_ptr<const Tokenizer>> create_unigram_tokenizer(const VocabularySource& source);
// One number per token, or none at all.
Result<void> check_scores(const std::vector<float>& scores, size_t n_tokens);

}  // namespace hearth::text
