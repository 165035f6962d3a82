// What automata are made with: a table that grows, and the smallest automaton with the same language.
#pragma once

#include <vector>

#include "text/grammar/dfa.h"

namespace hearth::text::grammar {

// For one use.
class DfaBuilder {
 public:
  // `classes` [256]: each byte's class, from 0 without gaps.
  explicit DfaBuilder(std::vector<uint8_t> classes);

  uint32_t n_classes() const noexcept { return n_classes_; }
  size_t n_states() const noexcept { return finals_.size(); }
  // A state all of whose bytes lead to the dead one, Dfa::kDead, which is there from the beginning.
  uint32_t add_state(bool is_final);
  void set_next(uint32_t state, uint32_t byte_class, uint32_t target) {
    next_[size_t{state} * n_classes_ + byte_class] = target;
  }

  Dfa minimised(uint32_t start) &&;

 private:
  std::vector<bool> states_with_texts() const;
  std::vector<uint32_t> blocks(const std::vector<uint32_t>& next) const;

  std::vector<uint8_t> classes_;
  uint32_t n_classes_;
  std::vector<uint32_t> next_;
  std::vector<bool> finals_;
};

}  // namespace hearth::text::grammar
