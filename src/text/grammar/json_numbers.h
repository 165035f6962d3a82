// Numbers as canonical texts, and sets of them as automata over these.
//
// A number is written as RFC 8785 (JSON Canonicalization Scheme) writes it: 0 and not -0; no leading zeros; a
// fraction without trailing zeros; an exponent only at 1e+21 and above, or below 1e-6. Integers may have all
// their digits up to 21; others have at most 17 significant ones, and none overflows a double or leaves its
// normal range.
//
// Most clients read doubles. Two different texts of at most kExactDigits significant digits are different
// doubles in the same order; longer ones may fall together with their neighbours.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "text/grammar/dfa.h"

namespace hearth::text::grammar {

constexpr int kExactDigits = 15;

// 0.DIGITS x 10^exponent, DIGITS without zeros at either end; zero has none.
struct Decimal {
  bool negative = false;
  std::string digits;
  int exponent = 0;

  bool is_zero() const { return digits.empty(); }
  bool is_integer() const { return exponent >= static_cast<int>(digits.size()); }
  bool operator==(const Decimal&) const = default;
};
// Of a JSON number, with all digits of an integer, and the fewest that tell a double from others.
Decimal decimal_of(const nlohmann::ordered_json& number);
std::string canonical_text(const Decimal& number);

// All of them; those of at most kExactDigits significant digits; integers written without an exponent; all
// integers.
const Dfa& all_numbers();
const Dfa& exact_numbers();
const Dfa& plain_integers();
const Dfa& integers();

// The numbers above `bound`, or (`or_equal`) it as well, compared as decimals.
Result<Dfa> numbers_above(const Decimal& bound, bool or_equal);

// The numbers without exponent that `divisor` (above zero) divides, as decimals. kUnsupported where the
// automaton would be too large.
Result<Dfa> multiples_of(const Decimal& divisor);

}  // namespace hearth::text::grammar
