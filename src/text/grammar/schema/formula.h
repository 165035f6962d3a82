// Conditions on a JSON value: what keywords say, joined by and, or, not.
//
// Conditions are kept once each, so that two are the same one if their numbers are. Not is pushed down to
// what single keywords say. A schema within a schema is a condition of its own (kSchema) whose contents are
// read when they are needed: schemas may contain themselves.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "base/result.h"
#include "text/grammar/json_numbers.h"
#include "text/grammar/schema/document.h"
#include "text/grammar/work_budget.h"

namespace hearth::text::grammar::schema {

using Formula = uint32_t;
constexpr Formula kAlways = 0;
constexpr Formula kNever = 1;

// Values of different kinds have no condition in common.
enum class Kind : uint8_t { kNull, kFalse, kTrue, kNumber, kString, kArray, kObject };
inline constexpr std::array kAllKinds{Kind::kNull,   Kind::kFalse, Kind::kTrue,  Kind::kNumber,
                                      Kind::kString, Kind::kArray, Kind::kObject};

// Sets of keys: a single one, or those that patterns are found in, or those that neither are among some names
// nor have one of some patterns.
struct KeySet {
  enum class Type : uint8_t { kName, kPattern, kOthers, kAll } type = Type::kAll;
  std::vector<std::string> names{};
  std::vector<std::string> patterns{};
  auto operator<=>(const KeySet&) const = default;
};

// What one keyword says, of values of one kind; it holds for all values of other kinds.
struct Condition {
  enum class Type : uint8_t {
    kSchema,        // all that a schema says, of all kinds: schema
    kIs,            // the value is of the kind: kind
    kInteger,       // numbers
    kAbove,         // > number
    kFrom,          // >= number
    kMultipleOf,    // of number
    kNumberIs,      // number
    kLengthFrom,    // strings of at least count characters
    kPattern,       // strings in which text is found
    kFormat,        // strings of the format text
    kStringIs,      // text
    kItem,          // arrays: where there is an item at count, it fulfils inner
    kItemsFrom,     // all items from count on fulfil inner
    kContains,      // at least count2 items from count on fulfil inner
    kItemsAtLeast,  // at least count items
    kUnique,        // no two items are the same
    kValues,        // objects: the values of all keys of `keys` fulfil inner
    kNames,         // the keys, as strings, fulfil inner
    kSizeFrom,      // at least count keys
  };
  Type type = Type::kSchema;
  SchemaId schema = 0;
  Kind kind = Kind::kNull;
  Formula inner = kAlways;
  uint64_t count = 0;
  uint64_t count2 = 0;
  std::string text{};
  KeySet keys{};
  std::string number{};  // in canonical form

  // Where the keyword stands, for messages; of the first one that says this.
  std::string pointer{};
};

// Which kind a condition is about; kSchema and kIs are about all.
Kind kind_of(Condition::Type type);

// What is made here is spent of the budget of the schema, at which whoever has a way to fail looks. Not
// thread-safe.
class FormulaTable {
 public:
  struct Entry {
    enum class Type : uint8_t { kTrue, kFalse, kLiteral, kAnd, kOr } type;
    bool negated = false;          // of a literal
    uint32_t condition = 0;        // of a literal
    std::vector<Formula> parts{};  // kAnd, kOr: at least two, none of their own type
  };

  explicit FormulaTable(WorkBudget& work);

  const Entry& entry(Formula formula) const { return entries_[formula]; }
  const Condition& condition(uint32_t id) const { return conditions_[id]; }
  size_t size() const noexcept { return entries_.size(); }
  WorkBudget& work() const noexcept { return work_; }
  // kResourceExhausted when it is spent.
  Result<void> check_work() const;

  Formula literal(const Condition& condition, bool negated = false);
  Formula all_of(std::vector<Formula> parts);
  Formula any_of(std::vector<Formula> parts);
  Formula negation(Formula formula);
  Formula schema(SchemaId id);
  Formula is(Kind kind);

 private:
  Formula add(Entry entry);
  Formula joined(Entry::Type type, std::vector<Formula> parts);

  WorkBudget& work_;
  std::deque<Entry> entries_;  // what is there stays where it is
  std::deque<Condition> conditions_;
  using ConditionKey = std::tuple<Condition::Type, SchemaId, Kind, Formula, uint64_t, uint64_t, std::string,
                                  KeySet, std::string>;
  std::map<ConditionKey, uint32_t> condition_ids_;
  std::map<std::tuple<Entry::Type, bool, uint32_t, std::vector<Formula>>, Formula> ids_;
  std::map<Formula, Formula> negations_;
};

}  // namespace hearth::text::grammar::schema
