// Regular languages over bytes that can be intersected and subtracted: where a text must fulfil several
// conditions at once (a pattern and a length), or must not be one of some.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/grammar/grammar.h"
#include "text/grammar/work_budget.h"

namespace hearth::text::grammar {

// A deterministic automaton. Immutable but for assignment.
class Dfa {
 public:
  static constexpr size_t kDefaultMaxStates = 20'000;
  static constexpr uint32_t kDead = 0;  // the state that no text leads out of

  // The language without a text.
  Dfa();

  bool accepts(std::string_view text) const;
  bool empty() const;  // it has no text at all
  // Whether it has finitely many texts, and if so how many, up to `limit`; nothing for more.
  std::optional<uint64_t> count(uint64_t limit) const;
  size_t n_states() const noexcept { return finals_.size(); }
  uint32_t start() const noexcept { return start_; }
  uint32_t next(uint32_t state, uint8_t byte) const noexcept {
    return next_[size_t{state} * n_classes_ + classes_[byte]];
  }
  bool is_final(uint32_t state) const noexcept { return finals_[state]; }
  // Bytes of one class lead to the same states everywhere.
  uint32_t n_classes() const noexcept { return n_classes_; }
  uint32_t class_of(uint8_t byte) const noexcept { return classes_[byte]; }

 private:
  friend class DfaBuilder;
  std::vector<uint8_t> classes_;  // [256]
  uint32_t n_classes_ = 1;
  std::vector<uint32_t> next_;  // [n_states, n_classes]
  std::vector<bool> finals_;
  uint32_t start_ = 0;
};

// What an operation takes is spent of `work`, if there is one; kResourceExhausted where that does not
// suffice.

// The texts of an expression that calls no rule, as the smallest automaton. kUnsupported where it calls one,
// kResourceExhausted beyond `max_states`.
Result<Dfa> determinise(const GrammarBuilder& builder, GrammarBuilder::Node node,
                        size_t max_states = Dfa::kDefaultMaxStates, WorkBudget* work = nullptr);

// The smallest automata of what is in both, in either, and in `a` but not in `b`. kResourceExhausted beyond
// Dfa::kDefaultMaxStates.
Result<Dfa> intersect(const Dfa& a, const Dfa& b, WorkBudget* work = nullptr);
Result<Dfa> unite(const Dfa& a, const Dfa& b, WorkBudget* work = nullptr);
Result<Dfa> subtract(const Dfa& a, const Dfa& b, WorkBudget* work = nullptr);
// What is in any of them.
Result<Dfa> unite(std::vector<Dfa> parts, WorkBudget* work = nullptr);

}  // namespace hearth::text::grammar
