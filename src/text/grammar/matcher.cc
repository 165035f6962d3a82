#include "text/grammar/matcher.h"

namespace hearth::text::grammar {

TokenGrammar::TokenGrammar(std::shared_ptr<const Grammar> grammar,
                           std::shared_ptr<const MaskedVocabulary> vocabulary)
    : grammar_(std::move(grammar)),
      vocabulary_(std::move(vocabulary)),
      table_(std::make_shared<MaskTable>(grammar_, vocabulary_)) {}

std::shared_ptr<MaskTable> TokenGrammar::table() {
  if (table_->is_full()) table_ = std::make_shared<MaskTable>(grammar_, vocabulary_);
  return table_;
}

Matcher::Matcher(std::shared_ptr<TokenGrammar> grammar)
    : grammar_(std::move(grammar)), table_(grammar_->table()), set_(table_->sets().start()) {}

Result<const TokenSet*> Matcher::allowed() {
  if (table_->is_full()) {
    std::shared_ptr<MaskTable> roomy = grammar_->table();
    set_ = roomy->sets().adopt(table_->sets(), set_);
    table_ = std::move(roomy);
  }
  return table_->allowed(set_);
}

bool Matcher::accept(TokenId token) {
  if (table_->vocabulary().ends(token)) return may_end();
  const std::string_view bytes = table_->vocabulary().bytes(token);
  if (bytes.empty()) return false;
  SetId set = set_;
  for (const char c : bytes) set = table_->sets().next(set, static_cast<uint8_t>(c));
  if (set == StateSets::kDead || set == StateSets::kTooMany) return false;
  set_ = set;
  return true;
}

bool Matcher::may_end() const {
  return table_->sets().may_end(set_);
}

bool Matcher::must_end() const {
  return may_end() && !table_->sets().may_go_on(set_);
}

ForcedText Matcher::forced_text(size_t max_bytes) {
  ForcedText forced;
  StateSets& sets = table_->sets();
  SetId set = set_;
  while (forced.text.size() < max_bytes) {
    const std::optional<uint8_t> byte = sets.forced_byte(set);
    if (!byte) break;
    forced.text.push_back(static_cast<char>(*byte));
    set = sets.next(set, *byte);
  }
  forced.is_whole_answer = sets.may_end(set) && !sets.may_go_on(set);
  return forced;
}

}  // namespace hearth::text::grammar
