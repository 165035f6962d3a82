// Strings and numbers that fulfil a formula, as automata over their canonical texts.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "text/grammar/dfa.h"
#include "text/grammar/schema/formula.h"

namespace hearth::text::grammar::schema {

// Some conditions cannot be met exactly: numbers that only long texts tell apart, formats of which some texts
// are left out. Answers are of kWithin, all of which fulfil the formula. What is not in kAround does not.
enum class Approximation : uint8_t { kWithin, kAround };

// Strings of `texts` (JSON strings, with the quotes; absent: all) of at least `min` and at most `max`
// characters.
struct StringSet {
  std::optional<Dfa> texts{};
  uint64_t min = 0;
  std::optional<uint64_t> max{};
};

// Of formulas that have come down to conditions of the one kind. Not thread-safe.
class Scalars {
 public:
  // kResourceExhausted when `work` is spent.
  Scalars(const FormulaTable& formulas, WorkBudget& work) : formulas_(formulas), work_(&work) {}

  Result<StringSet> strings(Formula formula, Approximation approximation);
  Result<Dfa> strings_as_dfa(Formula formula, Approximation approximation);
  Result<Dfa> numbers(Formula formula, Approximation approximation);

  // The keys of a set, as strings are.
  Result<Dfa> keys(const KeySet& keys);

 private:
  using Key = std::pair<Formula, Approximation>;
  Result<StringSet> compute_strings(Formula formula, Approximation approximation);
  Result<StringSet> all_of_strings(const std::vector<Formula>& parts, Approximation approximation);
  Result<StringSet> any_of_strings(const std::vector<Formula>& parts, Approximation approximation);
  Result<StringSet> string_literal(const Condition& condition, bool negated, Approximation approximation);
  Result<Dfa> compute_numbers(Formula formula, Approximation approximation);
  Result<Dfa> all_of_numbers(const std::vector<Formula>& parts, Approximation approximation);
  Result<Dfa> any_of_numbers(const std::vector<Formula>& parts, Approximation approximation);
  // Those that are one of the texts, or (`negated`) none.
  Result<Dfa> numbers_among(const std::vector<std::string>& texts, bool negated, Approximation approximation);
  // `holds`, or (`negated`) the others, where only texts of `certain` are what they seem.
  Result<Dfa> approximated(Dfa holds, bool negated, const Dfa& certain, Approximation approximation);
  Result<Dfa> number_literal(const Condition& condition, bool negated, Approximation approximation);

  // The text of a condition that the string is one, or (`negated`) is not; nothing for other formulas.
  const std::string* text_of(Formula formula, bool negated) const;
  const std::string* number_of(Formula formula, bool negated) const;  // the same
  Result<Dfa> dfa_of(const StringSet& set);
  Result<StringSet> intersection(StringSet a, StringSet b);

  const FormulaTable& formulas_;
  WorkBudget* work_;
  std::map<Key, StringSet> strings_;
  std::map<Key, Dfa> numbers_;
  std::map<KeySet, Dfa> keys_;
};

// All JSON strings in canonical form.
const Dfa& all_strings();
// What stands in one.
std::string value_of_json_string(const std::string& text);
// All texts, if there are at most `max` of them.
std::optional<std::vector<std::string>> texts_of(const Dfa& dfa, size_t max);

}  // namespace hearth::text::grammar::schema
