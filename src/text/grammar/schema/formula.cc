#include "text/grammar/schema/formula.h"

#include <algorithm>
#include <set>

namespace hearth::text::grammar::schema {

Kind kind_of(Condition::Type type) {
  using Type = Condition::Type;
  switch (type) {
    case Type::kInteger:
    case Type::kAbove:
    case Type::kFrom:
    case Type::kMultipleOf:
    case Type::kNumberIs:
      return Kind::kNumber;
    case Type::kLengthFrom:
    case Type::kPattern:
    case Type::kFormat:
    case Type::kStringIs:
      return Kind::kString;
    case Type::kItem:
    case Type::kItemsFrom:
    case Type::kContains:
    case Type::kItemsAtLeast:
    case Type::kUnique:
      return Kind::kArray;
    case Type::kValues:
    case Type::kNames:
    case Type::kSizeFrom:
      return Kind::kObject;
    case Type::kSchema:
    case Type::kIs:
      break;
  }
  return Kind::kNull;
}

FormulaTable::FormulaTable(WorkBudget& work) : work_(work) {
  add({.type = Entry::Type::kTrue});
  add({.type = Entry::Type::kFalse});
}

Result<void> FormulaTable::check_work() const {
  if (!work_.is_spent()) return {};
  return make_error(ErrorCode::kResourceExhausted,
                    "the schema is too complex: expected at most {} steps to compile it", work_.limit());
}

Formula FormulaTable::add(Entry entry) {
  const auto [found, is_new] = ids_.try_emplace({entry.type, entry.negated, entry.condition, entry.parts},
                                                static_cast<Formula>(entries_.size()));
  if (is_new) entries_.push_back(std::move(entry));
  return found->second;
}

Formula FormulaTable::literal(const Condition& condition, bool negated) {
  using Type = Condition::Type;
  // What always holds. A key that a schema names has its place even if any value is allowed.
  const bool binds_parts = condition.type == Type::kItem || condition.type == Type::kItemsFrom ||
                           condition.type == Type::kNames ||
                           (condition.type == Type::kValues && condition.keys.type != KeySet::Type::kName);
  const bool counts = condition.type == Type::kItemsAtLeast || condition.type == Type::kSizeFrom ||
                      condition.type == Type::kLengthFrom;
  const bool is_trivial = (binds_parts && condition.inner == kAlways) || (counts && condition.count == 0) ||
                          (condition.type == Type::kContains && condition.count2 == 0);
  if (is_trivial) return negated ? kNever : kAlways;
  const auto [found, is_new] = condition_ids_.try_emplace(
      {condition.type, condition.schema, condition.kind, condition.inner, condition.count, condition.count2,
       condition.text, condition.keys, condition.number},
      static_cast<uint32_t>(conditions_.size()));
  if (is_new) conditions_.push_back(condition);
  return add({.type = Entry::Type::kLiteral, .negated = negated, .condition = found->second});
}

// Parts of the same type are taken in; each stands once, in the order of first mention. What contradicts
// itself is false in an "and" and true in an "or".
Formula FormulaTable::joined(Entry::Type type, std::vector<Formula> parts) {
  const Formula neutral = type == Entry::Type::kAnd ? kAlways : kNever;
  const Formula absorbing = type == Entry::Type::kAnd ? kNever : kAlways;
  std::vector<Formula> flat;
  std::set<Formula> seen;
  const auto add_part = [&](Formula part) {
    if (part != neutral && seen.insert(part).second) flat.push_back(part);
  };
  // Each goes through ordered sets.
  constexpr uint64_t kStepsOfPart = 20;
  work_.spend(kStepsOfPart);
  // Taken off from the back, the first one first.
  std::reverse(parts.begin(), parts.end());
  for (; !parts.empty(); parts.pop_back()) {
    const Formula part = parts.back();
    work_.spend(kStepsOfPart * (1 + entries_[part].parts.size()));
    if (entries_[part].type == type) {
      for (const Formula inner : entries_[part].parts) add_part(inner);
    } else {
      add_part(part);
    }
  }
  if (seen.count(absorbing) > 0) return absorbing;
  for (const Formula part : flat) {
    const Entry& entry = entries_[part];
    if (entry.type != Entry::Type::kLiteral) continue;
    const auto opposite = ids_.find({Entry::Type::kLiteral, !entry.negated, entry.condition, {}});
    if (opposite != ids_.end() && seen.count(opposite->second) > 0) return absorbing;
  }
  if (flat.empty()) return neutral;
  if (flat.size() == 1) return flat[0];
  return add({.type = type, .parts = std::move(flat)});
}

Formula FormulaTable::all_of(std::vector<Formula> parts) {
  return joined(Entry::Type::kAnd, std::move(parts));
}

Formula FormulaTable::any_of(std::vector<Formula> parts) {
  return joined(Entry::Type::kOr, std::move(parts));
}

Formula FormulaTable::negation(Formula formula) {
  if (const auto found = negations_.find(formula); found != negations_.end()) return found->second;
  const Entry entry = entries_[formula];
  Formula made = kAlways;
  switch (entry.type) {
    case Entry::Type::kTrue:
      made = kNever;
      break;
    case Entry::Type::kFalse:
      made = kAlways;
      break;
    case Entry::Type::kLiteral:
      made = add({.type = Entry::Type::kLiteral, .negated = !entry.negated, .condition = entry.condition});
      break;
    case Entry::Type::kAnd:
    case Entry::Type::kOr: {
      std::vector<Formula> parts;
      for (const Formula part : entry.parts) parts.push_back(negation(part));
      made = entry.type == Entry::Type::kAnd ? any_of(std::move(parts)) : all_of(std::move(parts));
      break;
    }
  }
  negations_.emplace(formula, made);
  return made;
}

Formula FormulaTable::schema(SchemaId id) {
  return literal({.type = Condition::Type::kSchema, .schema = id});
}

Formula FormulaTable::is(Kind kind) {
  return literal({.type = Condition::Type::kIs, .kind = kind});
}

}  // namespace hearth::text::grammar::schema
