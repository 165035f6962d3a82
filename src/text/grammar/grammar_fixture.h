// What tests of grammars ask of one: whether it matches a text, and whether a text begins one that it
// matches.
#pragma once

#include <memory>
#include <string_view>

#include "text/grammar/grammar.h"
#include "text/grammar/state_sets.h"

namespace hearth::text::grammar {

class GrammarUnderTest {
 public:
  explicit GrammarUnderTest(std::shared_ptr<const Grammar> grammar) : sets_(std::move(grammar)) {}

  bool matches(std::string_view text) { return sets_.may_end(walk(text)); }
  bool begins(std::string_view text) { return sets_.may_go_on(walk(text)) || sets_.may_end(walk(text)); }
  StateSets& sets() { return sets_; }

 private:
  SetId walk(std::string_view text) {
    SetId set = sets_.start();
    for (const char c : text) set = sets_.next(set, static_cast<uint8_t>(c));
    return set;
  }
  StateSets sets_;
};

}  // namespace hearth::text::grammar
