// What a GrammarBuilder holds: expressions as a tree in an array, children before their parents.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "text/grammar/dfa.h"
#include "text/grammar/grammar.h"

namespace hearth::text::grammar {

struct GrammarBuilder::Expression {
  enum class Kind : uint8_t {
    kNothing,
    kEmpty,
    kLiteral,
    kBytes,
    kSequence,
    kChoice,
    kRepeat,
    kCall,
    kLanguage
  };

  static constexpr uint32_t kNoEnd = ~uint32_t{0};

  Kind kind = Kind::kNothing;
  int depth = 1;                        // of expressions within each other, this one included
  uint32_t min = 0;                     // kRepeat
  uint32_t max = 0;                     // kRepeat; kNoEnd for none
  Rule rule = 0;                        // kCall
  std::string text;                     // kLiteral
  ByteSet set;                          // kBytes
  std::vector<Node> parts;              // kSequence, kChoice, kRepeat (one)
  std::shared_ptr<const Dfa> language;  // kLanguage
};

struct GrammarBuilder::RuleBody {
  std::string name;
  std::optional<Node> body;
};

}  // namespace hearth::text::grammar
