#include "text/grammar/schema/structures.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "text/grammar/json_text.h"
#include "text/grammar/schema/overlap.h"

namespace hearth::text::grammar::schema {
namespace {

using Entry = FormulaTable::Entry;
using Type = Condition::Type;

// About a quarter of a second. Schemas in use take a hundredth of it.
constexpr uint64_t kMaxSteps = 20'000'000;

}  // namespace

Structures::Structures(SchemaDocument& document)
    : document_(document),
      work_(kMaxSteps),
      formulas_(work_),
      keywords_(document_, formulas_,
                [this](Formula given, const std::vector<Formula>& alternatives) {
                  return overlaps(*this, given, alternatives);
                }),
      scalars_(formulas_, work_) {}

Result<Formula> Structures::at_kind(Formula formula, Kind kind) {
  const std::pair key{formula, kind};
  if (const auto found = at_kind_.find(key); found != at_kind_.end()) return found->second;
  if (!in_progress_.insert(key).second) {
    const Entry& entry = formulas_.entry(formula);
    const std::string where = entry.type == Entry::Type::kLiteral
                                  ? document_.place(formulas_.condition(entry.condition).schema).pointer
                                  : std::string("#");
    return make_error(ErrorCode::kInvalidArgument, "{}: the schema refers to itself without an end", where);
  }
  Result<Formula> made = compute_at_kind(formula, kind);
  in_progress_.erase(key);
  if (made) at_kind_.emplace(key, *made);
  return made;
}

Result<Formula> Structures::compute_at_kind(Formula formula, Kind kind) {
  constexpr uint64_t kStepsOfFormula = 50;
  work_.spend(kStepsOfFormula);
  HEARTH_TRY(formulas_.check_work());
  const Entry entry = formulas_.entry(formula);
  switch (entry.type) {
    case Entry::Type::kTrue:
    case Entry::Type::kFalse:
      return formula;
    case Entry::Type::kLiteral: {
      const Condition& condition = formulas_.condition(entry.condition);
      if (condition.type == Type::kIs) return (condition.kind == kind) != entry.negated ? kAlways : kNever;
      if (condition.type != Type::kSchema) {
        if (kind_of(condition.type) == kind) return formula;
        return entry.negated ? kNever : kAlways;
      }
      HEARTH_ASSIGN(const Formula inner, keywords_.formula_of(condition.schema));
      return at_kind(entry.negated ? formulas_.negation(inner) : inner, kind);
    }
    case Entry::Type::kAnd:
    case Entry::Type::kOr:
      break;
  }
  const bool is_and = entry.type == Entry::Type::kAnd;
  std::vector<Formula> parts;
  for (const Formula part : entry.parts) {
    HEARTH_ASSIGN(const Formula made, at_kind(part, kind));
    // What cannot matter any more is not read, so that its errors and its depth do not matter either.
    if (made == (is_and ? kNever : kAlways)) return made;
    parts.push_back(made);
  }
  return is_and ? formulas_.all_of(std::move(parts)) : formulas_.any_of(std::move(parts));
}

Result<std::vector<Structures::Way>> Structures::ways(Formula formula) {
  constexpr size_t kMaxWays = 1000;
  const Entry& entry = formulas_.entry(formula);
  switch (entry.type) {
    case Entry::Type::kTrue:
      return std::vector<Way>{{}};
    case Entry::Type::kFalse:
      return std::vector<Way>();
    case Entry::Type::kLiteral:
      return std::vector<Way>{{{&formulas_.condition(entry.condition), entry.negated}}};
    case Entry::Type::kAnd:
    case Entry::Type::kOr:
      break;
  }
  std::vector<Way> made;
  if (entry.type == Entry::Type::kAnd) made.emplace_back();
  for (const Formula part : entry.parts) {
    HEARTH_ASSIGN(const std::vector<Way> others, ways(part));
    if (entry.type == Entry::Type::kOr) {
      made.insert(made.end(), others.begin(), others.end());
    } else {
      std::vector<Way> products;
      for (const Way& way : made) {
        for (const Way& other : others) {
          work_.spend(1 + way.size() * other.size() + way.size() + other.size());
          HEARTH_TRY(formulas_.check_work());
          const auto contradicts = [&](const Literal& literal) {
            return std::any_of(way.begin(), way.end(), [&](const Literal& its) {
              return its.condition == literal.condition && its.negated != literal.negated;
            });
          };
          if (std::any_of(other.begin(), other.end(), contradicts)) continue;
          Way product = way;
          product.insert(product.end(), other.begin(), other.end());
          products.push_back(std::move(product));
          if (products.size() > kMaxWays) break;
        }
        if (products.size() > kMaxWays) break;
      }
      made = std::move(products);
    }
    if (made.size() > kMaxWays) {
      return make_error(
          ErrorCode::kResourceExhausted,
          "the schema is too complex: expected at most {} combinations of conditions on one value", kMaxWays);
    }
  }
  return made;
}

// Nothing where it contradicts itself.
std::optional<ArrayParts> Structures::array_parts(const Way& way) {
  ArrayParts parts;
  const auto prefix_until = [&](uint64_t count) {
    while (parts.prefix.size() < count) parts.prefix.push_back(parts.rest);
  };
  const auto at_most = [&](uint64_t count) { parts.max = std::min(parts.max.value_or(count), count); };
  const auto restrict = [&](Formula& formula, Formula by) { formula = formulas_.all_of({formula, by}); };
  for (const auto& [condition, negated] : way) {
    switch (condition->type) {
      case Type::kItem:
        prefix_until(condition->count + 1);
        restrict(parts.prefix[condition->count],
                 negated ? formulas_.negation(condition->inner) : condition->inner);
        if (negated) parts.min = std::max(parts.min, condition->count + 1);
        break;
      case Type::kItemsAtLeast:
        if (negated) {
          at_most(condition->count - 1);
        } else {
          parts.min = std::max(parts.min, condition->count);
        }
        break;
      case Type::kUnique:
        parts.unique_pointer = condition->pointer;
        break;
      case Type::kItemsFrom:
      case Type::kContains: {
        // All of them, or none of the others: the same.
        const bool is_contains = condition->type == Type::kContains;
        if (is_contains ? negated && condition->count2 == 1 : !negated) {
          const Formula each = is_contains ? formulas_.negation(condition->inner) : condition->inner;
          prefix_until(condition->count);
          for (size_t i = condition->count; i < parts.prefix.size(); ++i) restrict(parts.prefix[i], each);
          restrict(parts.rest, each);
          break;
        }
        const Formula inner = is_contains ? condition->inner : formulas_.negation(condition->inner);
        ArrayParts::Count count{condition->count, inner, 0, std::nullopt, condition->pointer};
        if (is_contains && negated) {
          count.max = condition->count2 - 1;
        } else {
          count.min = is_contains ? condition->count2 : 1;
        }
        const auto same =
            std::find_if(parts.counts.begin(), parts.counts.end(), [&](const ArrayParts::Count& other) {
              return other.from == count.from && other.inner == count.inner;
            });
        if (same == parts.counts.end()) {
          parts.counts.push_back(count);
        } else {
          same->min = std::max(same->min, count.min);
          if (count.max) same->max = std::min(same->max.value_or(*count.max), *count.max);
        }
        break;
      }
      default:
        break;
    }
  }
  for (const ArrayParts::Count& count : parts.counts) {
    if (count.max && *count.max < count.min) return std::nullopt;
  }
  for (size_t i = 0; i < parts.prefix.size(); ++i) {
    if (parts.prefix[i] == kNever) at_most(i);
  }
  if (parts.rest == kNever) at_most(parts.prefix.size());
  if (parts.max && *parts.max < parts.prefix.size()) parts.prefix.resize(*parts.max);
  if (parts.max && *parts.max < parts.min) return std::nullopt;
  return parts;
}

Result<std::vector<ArrayParts>> Structures::arrays(Formula formula, Approximation approximation) {
  HEARTH_ASSIGN(const std::vector<Way> all, ways(formula));
  std::vector<ArrayParts> made;
  for (const Way& way : all) {
    constexpr uint64_t kMaxPrefix = 1000;
    for (const auto& [condition, negated] : way) {
      if (condition->type == Type::kUnique && negated && approximation == Approximation::kWithin) {
        return make_error(ErrorCode::kUnsupported,
                          "{}: arrays with two items that are the same cannot be guaranteed",
                          condition->pointer);
      }
      if ((condition->type == Type::kItem || condition->type == Type::kItemsFrom) &&
          condition->count > kMaxPrefix) {
        return make_error(ErrorCode::kResourceExhausted,
                          "{}: expected at most {} items with schemas of their own", condition->pointer,
                          kMaxPrefix);
      }
    }
    if (std::optional<ArrayParts> parts = array_parts(way)) made.push_back(std::move(*parts));
  }
  return made;
}

namespace {

// What is asked of the values of many keys at once.
struct ValuesOf {
  Dfa keys;
  Formula value;
};

}  // namespace

Result<void> Structures::add_object_parts(const Way& way, Approximation approximation,
                                          std::vector<ObjectParts>& out) {
  constexpr size_t kMaxSets = 12;
  ObjectParts parts;
  std::vector<ValuesOf> all_of_these;  // infinitely many keys at once
  std::vector<ValuesOf> some_of_these;
  std::unordered_map<std::string_view, size_t> places;  // in parts.named
  const auto named = [&](const std::string& name) -> ObjectParts::Named& {
    const auto [found, is_new] = places.try_emplace(name, parts.named.size());
    if (is_new) parts.named.push_back({.name = name});
    return parts.named[found->second];
  };
  constexpr uint64_t kStepsOfCondition = 20;
  work_.spend(way.size() * kStepsOfCondition);
  HEARTH_TRY(formulas_.check_work());
  for (const auto& [condition, negated] : way) {
    switch (condition->type) {
      case Type::kValues: {
        const Formula value = negated ? formulas_.negation(condition->inner) : condition->inner;
        if (condition->keys.type == KeySet::Type::kName) {
          ObjectParts::Named& its = named(condition->keys.names[0]);
          its.value = formulas_.all_of({its.value, value});
          its.required |= negated;
          break;
        }
        HEARTH_ASSIGN(Dfa dfa, scalars_.keys(condition->keys));
        (negated ? some_of_these : all_of_these).push_back({std::move(dfa), value});
        break;
      }
      case Type::kNames: {
        const Formula inner = negated ? formulas_.negation(condition->inner) : condition->inner;
        HEARTH_ASSIGN(const Formula strings, at_kind(inner, Kind::kString));
        HEARTH_ASSIGN(Dfa dfa, scalars_.strings_as_dfa(strings, approximation));
        if (negated) {
          some_of_these.push_back({std::move(dfa), kAlways});
          break;
        }
        HEARTH_ASSIGN(Dfa forbidden, subtract(all_strings(), dfa, &work_));
        all_of_these.push_back({std::move(forbidden), kNever});
        break;
      }
      case Type::kSizeFrom:
        parts.pointer = condition->pointer;
        if (negated) {
          parts.max = std::min(parts.max.value_or(condition->count - 1), condition->count - 1);
        } else {
          parts.min = std::max(parts.min, condition->count);
        }
        break;
      default:
        break;
    }
  }
  if (parts.max && *parts.max < parts.min) return {};
  if (all_of_these.size() + some_of_these.size() > kMaxSets) {
    return make_error(ErrorCode::kResourceExhausted,
                      "the schema is too complex: expected at most {} patterns of one object's keys",
                      kMaxSets);
  }

  std::vector<std::string> names;
  std::vector<std::string> texts;
  for (ObjectParts::Named& its : parts.named) {
    names.push_back(its.name);
    texts.push_back(json_string(its.name));
    if (!all_strings().accepts(texts.back())) its.value = kNever;  // no UTF-8
    for (const ValuesOf& others : all_of_these) {
      work_.spend(texts.back().size());
      if (others.keys.accepts(texts.back())) its.value = formulas_.all_of({its.value, others.value});
    }
    if (its.required && its.value == kNever) return {};
  }

  // The other keys, divided by what is asked of them.
  std::sort(names.begin(), names.end());
  const KeySet unnamed{.type = names.empty() ? KeySet::Type::kAll : KeySet::Type::kOthers, .names = names};
  HEARTH_ASSIGN(const Dfa rest, scalars_.keys(unnamed));
  parts.others.push_back({rest, kAlways});
  for (const ValuesOf& these : all_of_these) {
    std::vector<ObjectParts::Others> divided;
    for (const ObjectParts::Others& others : parts.others) {
      HEARTH_ASSIGN(Dfa within, intersect(others.keys, these.keys, &work_));
      HEARTH_ASSIGN(Dfa without, subtract(others.keys, these.keys, &work_));
      const Formula value = formulas_.all_of({others.value, these.value});
      if (!within.empty() && value != kNever) divided.push_back({std::move(within), value});
      if (!without.empty()) divided.push_back({std::move(without), others.value});
    }
    parts.others = std::move(divided);
  }
  std::vector<ObjectParts::Others> merged;
  for (ObjectParts::Others& others : parts.others) {
    const auto same = std::find_if(merged.begin(), merged.end(),
                                   [&](const ObjectParts::Others& its) { return its.value == others.value; });
    if (same == merged.end()) {
      merged.push_back(std::move(others));
    } else {
      HEARTH_ASSIGN(same->keys, unite(same->keys, others.keys, &work_));
    }
  }
  parts.others = std::move(merged);

  // Where some key of many must be there, it is one of the named ones or another.
  std::vector<ObjectParts> choices{std::move(parts)};
  for (const ValuesOf& these : some_of_these) {
    std::vector<ObjectParts> next;
    for (const ObjectParts& choice : choices) {
      for (size_t i = 0; i < choice.named.size(); ++i) {
        if (!these.keys.accepts(json_string(choice.named[i].name))) continue;
        ObjectParts with = choice;
        with.named[i].required = true;
        with.named[i].value = formulas_.all_of({with.named[i].value, these.value});
        if (with.named[i].value != kNever) next.push_back(std::move(with));
      }
      ObjectParts with = choice;
      std::vector<ObjectParts::Others> one;
      for (const ObjectParts::Others& others : choice.others) {
        HEARTH_ASSIGN(Dfa keys, intersect(others.keys, these.keys, &work_));
        const Formula value = formulas_.all_of({others.value, these.value});
        if (!keys.empty() && value != kNever) one.push_back({std::move(keys), value});
      }
      if (one.empty()) continue;
      if (!choice.one_of_others.empty()) {
        return make_error(
            ErrorCode::kUnsupported,
            "the schema asks for two keys of patterns in one object, which cannot be guaranteed");
      }
      with.one_of_others = std::move(one);
      next.push_back(std::move(with));
    }
    choices = std::move(next);
  }
  for (ObjectParts& choice : choices) {
    choice.named.erase(std::remove_if(choice.named.begin(), choice.named.end(),
                                      [](const ObjectParts::Named& its) { return its.value == kNever; }),
                       choice.named.end());
    out.push_back(std::move(choice));
  }
  return {};
}

Result<std::vector<ObjectParts>> Structures::objects(Formula formula, Approximation approximation) {
  HEARTH_ASSIGN(const std::vector<Way> all, ways(formula));
  std::vector<ObjectParts> made;
  for (const Way& way : all) HEARTH_TRY(add_object_parts(way, approximation, made));
  return made;
}

}  // namespace hearth::text::grammar::schema
