#include "text/grammar/schema/scalars.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "text/grammar/json_formats.h"
#include "text/grammar/json_text.h"
#include "text/grammar/regex.h"

namespace hearth::text::grammar::schema {
namespace {

using Entry = FormulaTable::Entry;
using Type = Condition::Type;

Result<Dfa> strings_with(std::string_view pattern, bool whole, WorkBudget* work) {
  GrammarBuilder builder;
  const auto quote = builder.literal("\"");
  HEARTH_ASSIGN(const GrammarBuilder::Node text, add_regex(builder, pattern, RegexText::kJsonString, whole));
  return determinise(builder, builder.sequence({quote, text, quote}), Dfa::kDefaultMaxStates, work);
}

Result<Dfa> strings_of_length(uint64_t min, std::optional<uint64_t> max, WorkBudget* work) {
  // Automata of lengths have about ten states for each character.
  constexpr uint64_t kMaxLength = 5000;
  if (std::max(min, max.value_or(0)) > kMaxLength) {
    return make_error(ErrorCode::kResourceExhausted,
                      "a length of {} beside other conditions on the same text: expected at most {}",
                      std::max(min, max.value_or(0)), kMaxLength);
  }
  GrammarBuilder builder;
  const auto quote = builder.literal("\"");
  std::optional<uint32_t> last;
  if (max) last = static_cast<uint32_t>(*max);
  const auto text = builder.repeat(add_any_json_character(builder), static_cast<uint32_t>(min), last);
  return determinise(builder, builder.sequence({quote, text, quote}), Dfa::kDefaultMaxStates, work);
}

Result<Dfa> texts_among(const std::vector<std::string>& texts, WorkBudget* work) {
  GrammarBuilder builder;
  std::vector<GrammarBuilder::Node> parts;
  parts.reserve(texts.size());
  for (const std::string& text : texts) parts.push_back(builder.literal(text));
  const auto any = builder.choice(std::move(parts));
  return determinise(builder, any, Dfa::kDefaultMaxStates, work);
}

Decimal number_from(const std::string& text) {
  return decimal_of(nlohmann::ordered_json::parse(text));
}

// Doubles that whole numbers below are, and between which there is none that is not whole.
bool is_exact_integer(const Decimal& number) {
  return number.is_integer() && number.exponent <= kExactDigits;
}

}  // namespace

const Dfa& all_strings() {
  static const Dfa kStrings = strings_of_length(0, std::nullopt, nullptr).value();
  return kStrings;
}

std::string value_of_json_string(const std::string& text) {
  return nlohmann::ordered_json::parse(text).get<std::string>();
}

std::optional<std::vector<std::string>> texts_of(const Dfa& dfa, size_t max) {
  const std::optional<uint64_t> n_texts = dfa.count(max);
  if (!n_texts || *n_texts > max) return std::nullopt;
  std::vector<std::string> texts;
  // As deep as the longest text.
  std::vector<std::pair<uint32_t, std::string>> to_visit{{dfa.start(), {}}};
  while (!to_visit.empty()) {
    const auto [state, text] = std::move(to_visit.back());
    to_visit.pop_back();
    if (dfa.is_final(state)) texts.push_back(text);
    for (unsigned byte = 256; byte-- > 0;) {
      const uint32_t target = dfa.next(state, static_cast<uint8_t>(byte));
      if (target != Dfa::kDead) to_visit.emplace_back(target, text + static_cast<char>(byte));
    }
  }
  return texts;
}

Result<StringSet> Scalars::strings(Formula formula, Approximation approximation) {
  const Key key{formula, approximation};
  if (const auto found = strings_.find(key); found != strings_.end()) return found->second;
  HEARTH_ASSIGN(StringSet set, compute_strings(formula, approximation));
  strings_.emplace(key, set);
  return set;
}

Result<Dfa> Scalars::strings_as_dfa(Formula formula, Approximation approximation) {
  HEARTH_ASSIGN(const StringSet set, strings(formula, approximation));
  return dfa_of(set);
}

Result<Dfa> Scalars::dfa_of(const StringSet& set) {
  if (set.min == 0 && !set.max) return set.texts ? *set.texts : all_strings();
  HEARTH_ASSIGN(Dfa lengths, strings_of_length(set.min, set.max, work_));
  if (!set.texts) return lengths;
  return intersect(*set.texts, lengths, work_);
}

Result<StringSet> Scalars::intersection(StringSet a, StringSet b) {
  a.min = std::max(a.min, b.min);
  if (b.max) a.max = a.max ? std::min(*a.max, *b.max) : *b.max;
  if (!a.texts) {
    a.texts = std::move(b.texts);
  } else if (b.texts) {
    HEARTH_ASSIGN(a.texts, intersect(*a.texts, *b.texts, work_));
  }
  if (a.max && *a.max < a.min) return StringSet{.texts = Dfa()};
  return a;
}

Result<StringSet> Scalars::compute_strings(Formula formula, Approximation approximation) {
  const Entry& entry = formulas_.entry(formula);
  switch (entry.type) {
    case Entry::Type::kTrue:
      return StringSet();
    case Entry::Type::kFalse:
      return StringSet{.texts = Dfa()};
    case Entry::Type::kLiteral:
      return string_literal(formulas_.condition(entry.condition), entry.negated, approximation);
    case Entry::Type::kAnd:
      return all_of_strings(entry.parts, approximation);
    case Entry::Type::kOr:
      break;
  }
  return any_of_strings(entry.parts, approximation);
}

const std::string* Scalars::text_of(Formula formula, bool negated) const {
  const Entry& entry = formulas_.entry(formula);
  if (entry.type != Entry::Type::kLiteral || entry.negated != negated) return nullptr;
  const Condition& condition = formulas_.condition(entry.condition);
  return condition.type == Type::kStringIs ? &condition.text : nullptr;
}

// Lists of texts are long, and made at once, here and below.
Result<StringSet> Scalars::all_of_strings(const std::vector<Formula>& parts, Approximation approximation) {
  StringSet all;
  std::vector<std::string> excluded;
  for (const Formula part : parts) {
    if (const std::string* text = text_of(part, /*negated=*/true)) {
      excluded.push_back(json_string(*text));
      continue;
    }
    HEARTH_ASSIGN(StringSet set, strings(part, approximation));
    HEARTH_ASSIGN(all, intersection(std::move(all), std::move(set)));
  }
  if (!excluded.empty()) {
    HEARTH_ASSIGN(const Dfa listed, texts_among(excluded, work_));
    HEARTH_ASSIGN(all.texts, subtract(all.texts ? *all.texts : all_strings(), listed, work_));
  }
  return all;
}

Result<StringSet> Scalars::any_of_strings(const std::vector<Formula>& parts, Approximation approximation) {
  std::vector<std::string> texts;
  std::vector<Dfa> sets;
  for (const Formula part : parts) {
    if (const std::string* text = text_of(part, /*negated=*/false)) {
      texts.push_back(json_string(*text));
      continue;
    }
    HEARTH_ASSIGN(Dfa set, strings_as_dfa(part, approximation));
    sets.push_back(std::move(set));
  }
  if (!texts.empty()) {
    HEARTH_ASSIGN(const Dfa listed, texts_among(texts, work_));
    HEARTH_ASSIGN(Dfa valid, intersect(listed, all_strings(), work_));  // what is no UTF-8 is no text
    sets.push_back(std::move(valid));
  }
  HEARTH_ASSIGN(Dfa any, unite(std::move(sets), work_));
  return StringSet{.texts = std::move(any)};
}

Result<StringSet> Scalars::string_literal(const Condition& condition, bool negated,
                                          Approximation approximation) {
  if (condition.type == Type::kLengthFrom) {
    if (negated) return StringSet{.max = condition.count - 1};
    return StringSet{.min = condition.count};
  }
  Dfa texts;
  if (condition.type == Type::kStringIs) {
    HEARTH_ASSIGN(texts, texts_among({json_string(condition.text)}, work_));
    HEARTH_ASSIGN(texts, intersect(texts, all_strings(), work_));  // what is no UTF-8 is no text
  } else if (condition.type == Type::kPattern) {
    Result<Dfa> found = strings_with(condition.text, /*whole=*/false, work_);
    if (!found) return found.error().in(condition.pointer);
    texts = std::move(*found);
  } else {
    // Which texts are not of a format is not known, only some that are.
    if (approximation == Approximation::kAround) return StringSet();
    if (negated) {
      return make_error(ErrorCode::kUnsupported, "{}: texts that are not of the format cannot be guaranteed",
                        condition.pointer);
    }
    HEARTH_ASSIGN(const std::string regex, regex_of_format(condition.text));
    Result<Dfa> found = strings_with(regex, /*whole=*/true, work_);
    if (!found) return found.error().in(condition.pointer);
    texts = std::move(*found);
  }
  if (!negated) return StringSet{.texts = std::move(texts)};
  HEARTH_ASSIGN(Dfa others, subtract(all_strings(), texts, work_));
  return StringSet{.texts = std::move(others)};
}

Result<Dfa> Scalars::keys(const KeySet& keys) {
  if (keys.type == KeySet::Type::kAll) return all_strings();
  if (const auto found = keys_.find(keys); found != keys_.end()) return found->second;
  std::vector<std::string> texts;
  for (const std::string& name : keys.names) texts.push_back(json_string(name));
  HEARTH_ASSIGN(Dfa named, texts_among(texts, work_));
  for (const std::string& pattern : keys.patterns) {
    HEARTH_ASSIGN(const Dfa found, strings_with(pattern, /*whole=*/false, work_));
    HEARTH_ASSIGN(named, unite(named, found, work_));
  }
  if (keys.type == KeySet::Type::kOthers) {
    HEARTH_ASSIGN(named, subtract(all_strings(), named, work_));
  }
  keys_.emplace(keys, named);
  return named;
}

Result<Dfa> Scalars::numbers(Formula formula, Approximation approximation) {
  const Key key{formula, approximation};
  if (const auto found = numbers_.find(key); found != numbers_.end()) return found->second;
  HEARTH_ASSIGN(Dfa set, compute_numbers(formula, approximation));
  numbers_.emplace(key, set);
  return set;
}

Result<Dfa> Scalars::compute_numbers(Formula formula, Approximation approximation) {
  const Entry& entry = formulas_.entry(formula);
  switch (entry.type) {
    case Entry::Type::kTrue:
      return all_numbers();
    case Entry::Type::kFalse:
      return Dfa();
    case Entry::Type::kLiteral:
      return number_literal(formulas_.condition(entry.condition), entry.negated, approximation);
    case Entry::Type::kAnd:
      return all_of_numbers(entry.parts, approximation);
    case Entry::Type::kOr:
      break;
  }
  return any_of_numbers(entry.parts, approximation);
}

const std::string* Scalars::number_of(Formula formula, bool negated) const {
  const Entry& entry = formulas_.entry(formula);
  if (entry.type != Entry::Type::kLiteral || entry.negated != negated) return nullptr;
  const Condition& condition = formulas_.condition(entry.condition);
  return condition.type == Type::kNumberIs ? &condition.number : nullptr;
}

Result<Dfa> Scalars::all_of_numbers(const std::vector<Formula>& parts, Approximation approximation) {
  Dfa all = all_numbers();
  std::vector<std::string> excluded;
  for (const Formula part : parts) {
    if (const std::string* number = number_of(part, /*negated=*/true)) {
      excluded.push_back(*number);
      continue;
    }
    HEARTH_ASSIGN(const Dfa set, numbers(part, approximation));
    HEARTH_ASSIGN(all, intersect(all, set, work_));
  }
  if (excluded.empty()) return all;
  HEARTH_ASSIGN(const Dfa others, numbers_among(excluded, /*negated=*/true, approximation));
  return intersect(all, others, work_);
}

Result<Dfa> Scalars::any_of_numbers(const std::vector<Formula>& parts, Approximation approximation) {
  std::vector<std::string> listed;
  std::vector<Dfa> sets;
  for (const Formula part : parts) {
    if (const std::string* number = number_of(part, /*negated=*/false)) {
      listed.push_back(*number);
      continue;
    }
    HEARTH_ASSIGN(Dfa set, numbers(part, approximation));
    sets.push_back(std::move(set));
  }
  if (!listed.empty()) {
    HEARTH_ASSIGN(Dfa among, numbers_among(listed, /*negated=*/false, approximation));
    sets.push_back(std::move(among));
  }
  return unite(std::move(sets), work_);
}

namespace {

// Texts that are the doubles that clients see, and those that may be others.
const Dfa& certain_integers() {
  static const Dfa kCertain = unite(exact_numbers(), plain_integers()).value();
  return kCertain;
}

const Dfa& certain_without_exponent() {
  static const Dfa kCertain = [] {
    GrammarBuilder builder;
    const auto plain = add_regex(builder, "[-\\d.]+", RegexText::kPlain, /*whole=*/true).value();
    return intersect(exact_numbers(), determinise(builder, plain).value()).value();
  }();
  return kCertain;
}

// What holds of the decimal that is written, and the texts of which that says what a client sees that reads
// doubles.
struct NumberTruth {
  Dfa holds;
  const Dfa& certain;
};

Result<NumberTruth> truth_of(const Condition& condition, bool negated) {
  if (condition.type == Type::kInteger) return NumberTruth{integers(), certain_integers()};
  if (condition.type == Type::kMultipleOf) {
    HEARTH_ASSIGN(Dfa multiples, multiples_of(number_from(condition.number)));
    return NumberTruth{std::move(multiples), certain_without_exponent()};
  }
  const Decimal bound = number_from(condition.number);
  const bool or_equal = condition.type == Type::kFrom;
  HEARTH_ASSIGN(Dfa above, numbers_above(bound, or_equal));
  // Rounding keeps an order that may be equality. Otherwise integers are as good as doubles, up to theirs.
  if (or_equal != negated) return NumberTruth{std::move(above), all_numbers()};
  return NumberTruth{std::move(above), is_exact_integer(bound) ? certain_integers() : exact_numbers()};
}

}  // namespace

Result<Dfa> Scalars::number_literal(const Condition& condition, bool negated, Approximation approximation) {
  if (condition.type == Type::kNumberIs) return numbers_among({condition.number}, negated, approximation);
  // Integers of 1e+21 and above are some, but are not written where one is asked for.
  if (condition.type == Type::kInteger && !negated && approximation == Approximation::kWithin)
    return plain_integers();
  // Automata of multiples are made of some thousand states, those of bounds of some ten.
  constexpr uint64_t kStepsOfMultiple = 200'000;
  constexpr uint64_t kStepsOfBound = 10'000;
  work_->spend(condition.type == Type::kMultipleOf ? kStepsOfMultiple : kStepsOfBound);
  Result<NumberTruth> truth = truth_of(condition, negated);
  if (!truth) return truth.error().in(condition.pointer);
  return approximated(std::move(truth->holds), negated, truth->certain, approximation);
}

Result<Dfa> Scalars::numbers_among(const std::vector<std::string>& texts, bool negated,
                                   Approximation approximation) {
  HEARTH_ASSIGN(const Dfa listed, texts_among(texts, work_));
  HEARTH_ASSIGN(Dfa holds, intersect(listed, all_numbers(), work_));
  if (!negated && approximation == Approximation::kWithin) return holds;
  return approximated(std::move(holds), negated, exact_numbers(), approximation);
}

Result<Dfa> Scalars::approximated(Dfa holds, bool negated, const Dfa& certain, Approximation approximation) {
  if (negated) {
    HEARTH_ASSIGN(holds, subtract(all_numbers(), holds, work_));
  }
  if (approximation == Approximation::kWithin) return intersect(holds, certain, work_);
  HEARTH_ASSIGN(const Dfa uncertain, subtract(all_numbers(), certain, work_));
  return unite(holds, uncertain, work_);
}

}  // namespace hearth::text::grammar::schema
