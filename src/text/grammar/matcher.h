// Where one answer is in its grammar.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "text/grammar/mask_table.h"

namespace hearth::text::grammar {

// A grammar over a vocabulary, with what has been found out about it so far: shared by the answers that must
// match it, one after another or side by side. Not thread-safe.
class TokenGrammar {
 public:
  TokenGrammar(std::shared_ptr<const Grammar> grammar, std::shared_ptr<const MaskedVocabulary> vocabulary);

  size_t vocabulary_size() const noexcept { return vocabulary_->size(); }
  // A table with room for more.
  std::shared_ptr<MaskTable> table();
  size_t size_bytes() const noexcept { return grammar_->size_bytes() + table_->size_bytes(); }

 private:
  std::shared_ptr<const Grammar> grammar_;
  std::shared_ptr<const MaskedVocabulary> vocabulary_;
  std::shared_ptr<MaskTable> table_;
};

// Text of which no byte can be another.
struct ForcedText {
  std::string text;
  bool is_whole_answer = false;  // nothing can follow it
};

// Not thread-safe, nor are two of one TokenGrammar.
class Matcher {
 public:
  explicit Matcher(std::shared_ptr<TokenGrammar> grammar);

  // The tokens of which one must come next; until the next call of any matcher of the grammar. None only
  // after an answer that is whole, of a vocabulary without a token that says so. kResourceExhausted for a
  // grammar that is too ambiguous.
  Result<const TokenSet*> allowed();
  // Goes on with a token. False, and nothing is changed, where it is not allowed.
  bool accept(TokenId token);
  // Whether the answer may end here, and whether it must: nothing can follow.
  bool may_end() const;
  bool must_end() const;
  // The text that must follow, at most `max_bytes` of it.
  ForcedText forced_text(size_t max_bytes);

 private:
  std::shared_ptr<TokenGrammar> grammar_;
  std::shared_ptr<MaskTable> table_;
  SetId set_;
};

}  // namespace hearth::text::grammar
