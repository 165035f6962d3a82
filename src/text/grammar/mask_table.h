// The tokens that may come next, for every place in a grammar that an answer has been at.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "text/grammar/masked_vocabulary.h"
#include "text/grammar/state_sets.h"

namespace hearth::text::grammar {

// Not thread-safe.
class MaskTable {
 public:
  // Beyond it a table is left to those who use it, and new answers get a new one.
  static constexpr size_t kFullBytes = size_t{4} << 20U;
  // More than one token may cost: a grammar that needs it is too ambiguous.
  static constexpr size_t kMaxStepBytes = size_t{16} << 20U;
  static constexpr size_t kMaxMasks = 64;

  MaskTable(std::shared_ptr<const Grammar> grammar, std::shared_ptr<const MaskedVocabulary> vocabulary);

  StateSets& sets() noexcept { return sets_; }
  const MaskedVocabulary& vocabulary() const noexcept { return *vocabulary_; }
  bool is_full() const noexcept { return sets_.size_bytes() > kFullBytes; }
  size_t size_bytes() const noexcept;

  // The tokens that may follow, ends of the answer among them where it may end: never none for a set that is
  // not dead, if the vocabulary has all bytes as tokens. Stays until the next call. kResourceExhausted for a
  // grammar that is too ambiguous.
  Result<const TokenSet*> allowed(SetId set);

 private:
  // Where a set leads with one character of a word, if it is the same whichever it is.
  struct WordStep {
    bool is_known = false;
    bool is_uniform = false;
    SetId target = StateSets::kDead;
  };

  Result<void> fill(SetId set, TokenSet& allowed);
  Result<void> walk(const TokenTrie& trie, SetId set, TokenSet& allowed);
  WordStep word_step(SetId set);
  WordStep find_word_step(SetId set);

  StateSets sets_;
  std::shared_ptr<const MaskedVocabulary> vocabulary_;
  std::unordered_map<SetId, size_t> places_;  // in masks_
  std::vector<TokenSet> masks_;
  std::vector<SetId> owners_;  // of masks_
  size_t next_place_ = 0;
  std::vector<WordStep> word_steps_;  // by set
  std::vector<SetId> path_;           // scratch of walk()
};

}  // namespace hearth::text::grammar
