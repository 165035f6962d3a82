#include "text/grammar/schema/overlap.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>

namespace hearth::text::grammar::schema {
namespace {

constexpr int kDepth = 3;  // of objects within each other

bool is_empty(Structures& structures, Formula formula, int depth);

bool is_empty(Structures& structures, Formula formula, Kind kind, int depth) {
  const Result<Formula> simple = structures.at_kind(formula, kind);
  if (!simple) return false;
  if (*simple == kNever || *simple == kAlways) return *simple == kNever;
  switch (kind) {
    case Kind::kNumber: {
      const Result<Dfa> numbers = structures.scalars().numbers(*simple, Approximation::kAround);
      return numbers && numbers->empty();
    }
    case Kind::kString: {
      const Result<StringSet> strings = structures.scalars().strings(*simple, Approximation::kAround);
      return strings && strings->texts && strings->texts->empty();
    }
    case Kind::kArray: {
      const auto all = structures.arrays(*simple, Approximation::kAround);
      return all && std::all_of(all->begin(), all->end(), [&](const ArrayParts& parts) {
               for (size_t i = 0; i < parts.prefix.size() && i < parts.min; ++i) {
                 if (is_empty(structures, parts.prefix[i], depth - 1)) return true;
               }
               return false;
             });
    }
    case Kind::kObject: {
      const auto all = structures.objects(*simple, Approximation::kAround);
      return all && std::all_of(all->begin(), all->end(), [&](const ObjectParts& parts) {
               return std::any_of(parts.named.begin(), parts.named.end(), [&](const ObjectParts::Named& its) {
                 return its.required && is_empty(structures, its.value, depth - 1);
               });
             });
    }
    default:
      return false;
  }
}

bool is_empty(Structures& structures, Formula formula, int depth) {
  if (formula == kAlways || depth == 0) return formula == kNever;
  return std::all_of(kAllKinds.begin(), kAllKinds.end(),
                     [&](Kind kind) { return is_empty(structures, formula, kind, depth); });
}

// What is seen at a glance of the values that fulfil a formula: enough to tell most alternatives apart,
// looking at each once and not at every two of them together.
struct Outline {
  std::array<bool, kAllKinds.size()> may_be{};
  // All that there may be, ascending, each kind in a form of its own; absent where they are not listed.
  std::optional<std::vector<std::string>> numbers{};
  std::optional<std::vector<std::string>> strings{};
  std::map<std::string, Outline> required{};  // the values of keys that every object has
};

class Outlines {
 public:
  explicit Outlines(Structures& structures) : structures_(structures), formulas_(structures.formulas()) {}

  // What cannot be looked at, such as a schema that is being read, may be anything.
  Outline of(Formula formula, int depth = kDepth) {
    Outline outline;
    for (const Kind kind : kAllKinds) {
      const Result<Formula> simple = structures_.at_kind(formula, kind);
      outline.may_be[static_cast<size_t>(kind)] = !simple || *simple != kNever;
      if (!simple || *simple == kNever) continue;
      if (kind == Kind::kNumber) outline.numbers = listed(*simple, Condition::Type::kNumberIs);
      if (kind == Kind::kString) outline.strings = listed(*simple, Condition::Type::kStringIs);
      if (kind == Kind::kObject && depth > 0) outline.required = required(*simple, depth);
    }
    return outline;
  }

 private:
  using Entry = FormulaTable::Entry;

  // The literals that must all hold, among other things.
  std::vector<const Entry*> literals(Formula formula) const {
    const Entry& entry = formulas_.entry(formula);
    std::vector<const Entry*> found;
    if (entry.type == Entry::Type::kLiteral) found.push_back(&entry);
    if (entry.type != Entry::Type::kAnd) return found;
    for (const Formula part : entry.parts) {
      if (formulas_.entry(part).type == Entry::Type::kLiteral) found.push_back(&formulas_.entry(part));
    }
    return found;
  }

  std::optional<std::string> constant(const Entry& entry, Condition::Type type) const {
    if (entry.type != Entry::Type::kLiteral || entry.negated) return std::nullopt;
    const Condition& condition = formulas_.condition(entry.condition);
    if (condition.type != type) return std::nullopt;
    return type == Condition::Type::kNumberIs ? condition.number : condition.text;
  }

  // Of a formula that is one constant of several, or asks for one among other things.
  std::optional<std::vector<std::string>> listed(Formula formula, Condition::Type type) const {
    const Entry& entry = formulas_.entry(formula);
    std::vector<std::string> texts;
    if (entry.type == Entry::Type::kOr) {
      for (const Formula part : entry.parts) {
        auto its = listed(part, type);
        if (!its) return std::nullopt;
        texts.insert(texts.end(), its->begin(), its->end());
      }
      std::sort(texts.begin(), texts.end());
      return texts;
    }
    if (entry.type == Entry::Type::kAnd) {
      for (const Formula part : entry.parts) {
        if (auto its = listed(part, type)) return its;
      }
      return std::nullopt;
    }
    auto text = constant(entry, type);
    if (!text) return std::nullopt;
    texts.push_back(std::move(*text));
    return texts;
  }

  std::map<std::string, Outline> required(Formula formula, int depth) {
    std::map<std::string, std::vector<Formula>> values;
    const std::vector<const Entry*> all = literals(formula);
    const auto for_each_key = [&](bool negated, const auto& visit) {
      for (const Entry* entry : all) {
        const Condition& condition = formulas_.condition(entry->condition);
        if (entry->negated == negated && condition.type == Condition::Type::kValues &&
            condition.keys.type == KeySet::Type::kName)
          visit(condition.keys.names[0], condition.inner);
      }
    };
    for_each_key(/*negated=*/true, [&](const std::string& name, Formula inner) {
      values[name].push_back(formulas_.negation(inner));
    });
    for_each_key(/*negated=*/false, [&](const std::string& name, Formula inner) {
      if (const auto found = values.find(name); found != values.end()) found->second.push_back(inner);
    });
    std::map<std::string, Outline> outlines;
    for (auto& [name, parts] : values)
      outlines.emplace(name, of(formulas_.all_of(std::move(parts)), depth - 1));
    return outlines;
  }

  Structures& structures_;
  FormulaTable& formulas_;
};

using Texts = std::optional<std::vector<std::string>>;

bool have_none_in_common(const Texts& a, const Texts& b) {
  if (!a || !b) return false;
  for (auto in_a = a->begin(), in_b = b->begin(); in_a != a->end() && in_b != b->end();) {
    const int order = in_a->compare(*in_b);
    if (order == 0) return false;
    if (order < 0) {
      ++in_a;
    } else {
      ++in_b;
    }
  }
  return true;
}

bool are_disjoint(const Outline& a, const Outline& b);

bool are_disjoint(const Outline& a, const Outline& b, Kind kind) {
  switch (kind) {
    case Kind::kNumber:
      return have_none_in_common(a.numbers, b.numbers);
    case Kind::kString:
      return have_none_in_common(a.strings, b.strings);
    case Kind::kObject:
      return std::any_of(a.required.begin(), a.required.end(), [&](const auto& its) {
        const auto other = b.required.find(its.first);
        return other != b.required.end() && are_disjoint(its.second, other->second);
      });
    default:
      return false;
  }
}

// True only if no value has both.
bool are_disjoint(const Outline& a, const Outline& b) {
  return std::all_of(kAllKinds.begin(), kAllKinds.end(), [&](Kind kind) {
    const auto i = static_cast<size_t>(kind);
    return !a.may_be[i] || !b.may_be[i] || are_disjoint(a, b, kind);
  });
}

}  // namespace

bool is_surely_empty(Structures& structures, Formula formula) {
  return is_empty(structures, formula, kDepth);
}

Result<std::vector<std::vector<size_t>>> overlaps(Structures& structures, Formula given,
                                                  const std::vector<Formula>& alternatives) {
  FormulaTable& formulas = structures.formulas();
  Outlines outlines(structures);
  std::vector<Outline> outline_of;
  outline_of.reserve(alternatives.size());
  for (const Formula alternative : alternatives)
    outline_of.push_back(outlines.of(formulas.all_of({given, alternative})));
  std::vector<std::vector<size_t>> found(alternatives.size());
  for (size_t i = 0; i < alternatives.size(); ++i) {
    constexpr uint64_t kStepsOfPair = 8;
    formulas.work().spend(i * kStepsOfPair);
    for (size_t k = 0; k < i; ++k) {
      if (are_disjoint(outline_of[i], outline_of[k])) continue;
      HEARTH_TRY(formulas.check_work());
      // The same one twice holds twice.
      if (alternatives[i] != alternatives[k] &&
          is_surely_empty(structures, formulas.all_of({given, alternatives[i], alternatives[k]})))
        continue;
      found[i].push_back(k);
      found[k].push_back(i);
    }
  }
  HEARTH_TRY(formulas.check_work());
  return found;
}

}  // namespace hearth::text::grammar::schema
