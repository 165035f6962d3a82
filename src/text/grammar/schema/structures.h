// What arrays and objects are made of that fulfil a formula.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "text/grammar/schema/formula.h"
#include "text/grammar/schema/keywords.h"
#include "text/grammar/schema/scalars.h"

namespace hearth::text::grammar::schema {

struct ArrayParts {
  // At least `min` and at most `max` of the items from `from` on fulfil `inner`.
  struct Count {
    uint64_t from;
    Formula inner;
    uint64_t min;
    std::optional<uint64_t> max;
    std::string pointer;
  };
  std::vector<Formula> prefix;
  Formula rest = kAlways;
  uint64_t min = 0;
  std::optional<uint64_t> max;
  std::vector<Count> counts;
  std::string unique_pointer;  // where it is asked that no two are the same; empty: nowhere
};

struct ObjectParts {
  struct Named {
    std::string name;
    Formula value = kAlways;
    bool required = false;
  };
  // Keys other than the named ones; of several entries, each key is in one at most.
  struct Others {
    Dfa keys;
    Formula value = kAlways;
  };
  std::vector<Named> named;  // those without a value that fulfils theirs are left out
  std::vector<Others> others;
  std::vector<Others> one_of_others;  // one of these must be there besides; empty: not so
  uint64_t min = 0;
  std::optional<uint64_t> max;
  std::string pointer;  // of what counts keys
};

// The schema as one formula, seen as values of one kind after another. Not thread-safe.
class Structures {
 public:
  explicit Structures(SchemaDocument& document);

  FormulaTable& formulas() { return formulas_; }
  Scalars& scalars() { return scalars_; }
  const SchemaPlace& place(SchemaId id) const { return document_.place(id); }

  // The same formula of values of `kind`, in conditions of that kind alone.
  Result<Formula> at_kind(Formula formula, Kind kind);
  // The arrays (objects) that fulfil a formula: those of any of the parts.
  Result<std::vector<ArrayParts>> arrays(Formula formula, Approximation approximation);
  Result<std::vector<ObjectParts>> objects(Formula formula, Approximation approximation);

 private:
  struct Literal {
    const Condition* condition;
    bool negated;
  };
  using Way = std::vector<Literal>;
  // A formula of one kind as the choice of what must hold together.
  Result<std::vector<Way>> ways(Formula formula);
  Result<Formula> compute_at_kind(Formula formula, Kind kind);
  std::optional<ArrayParts> array_parts(const Way& way);
  Result<void> add_object_parts(const Way& way, Approximation approximation, std::vector<ObjectParts>& out);

  SchemaDocument& document_;
  WorkBudget work_;
  FormulaTable formulas_;
  Keywords keywords_;
  Scalars scalars_;
  std::map<std::pair<Formula, Kind>, Formula> at_kind_;
  std::set<std::pair<Formula, Kind>> in_progress_;
};

}  // namespace hearth::text::grammar::schema
