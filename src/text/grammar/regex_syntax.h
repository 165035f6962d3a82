// The syntax of regular expressions: what a text of one says, before it is an automaton.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/grammar/unicode_ranges.h"

namespace hearth::text::grammar {

struct RegexNode {
  enum class Kind : uint8_t { kSequence, kChoice, kRepeat, kCharacters, kBegin, kEnd };
  Kind kind = Kind::kSequence;  // without parts: the empty text
  std::vector<RegexNode> parts;
  uint32_t min = 0;
  std::optional<uint32_t> max;  // absent: without end
  CharacterSet characters;
  // Whether ^ or $ stands anywhere within.
  bool has_begin = false;
  bool has_end = false;
  // Characters, with every repetition written out.
  uint64_t size = 1;
};

// ECMA-262 with the flag u, without what no regular language has. kInvalidArgument, with the offset, for what
// is no regular expression; kUnsupported by name; kResourceExhausted for what is too long, too deep or too
// large.
Result<RegexNode> parse_regex(std::string_view pattern);

}  // namespace hearth::text::grammar
