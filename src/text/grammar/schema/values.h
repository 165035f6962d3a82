// All values that a schema allows, as rules that refer to each other: the last step before a grammar.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "text/grammar/schema/structures.h"

namespace hearth::text::grammar::schema {

using ValueId = uint32_t;

struct ArrayRule {
  std::vector<ValueId> prefix;
  std::optional<ValueId> rest;
  uint64_t min = 0;
  std::optional<uint64_t> max;

  // Where items are counted by what they are: an automaton over items, from states[0]; empty otherwise. But
  // for edges of a state to itself it has no circles.
  struct State {
    bool is_final = false;
    struct Edge {
      ValueId value;
      size_t target;
    };
    std::vector<Edge> edges;
  };
  std::vector<State> states;
};

struct ObjectRule {
  struct Named {
    std::string name;
    ValueId value;
    bool required;
  };
  struct Others {
    Dfa keys;
    ValueId value;
  };
  std::vector<Named> named;
  std::vector<Others> others;
  std::vector<Others> one_of_others;  // as in ObjectParts
  uint64_t min = 0;
  std::optional<uint64_t> max;
};

// A choice of everything that is there.
struct ValueRule {
  bool null_value = false;
  bool false_value = false;
  bool true_value = false;
  Formula numbers = kNever;
  Formula strings = kNever;
  std::vector<ArrayRule> arrays;
  std::vector<ObjectRule> objects;
  bool is_productive = false;  // some value fulfils it; the rules above hold only such
};

// Not thread-safe.
class Values {
 public:
  explicit Values(Structures& structures) : structures_(structures) {}

  // The values that fulfil `formula`, and all that are within them.
  Result<ValueId> add(Formula formula);
  const ValueRule& rule(ValueId id) const { return rules_[id]; }
  size_t size() const { return rules_.size(); }

 private:
  ValueId id_of(Formula formula);
  Result<void> compile(ValueId id);
  Result<ArrayRule> array_rule(const ArrayParts& parts);
  Result<std::vector<ArrayRule::State>> counting_states(const ArrayParts& parts);
  Result<std::vector<ArrayRule::State>> unique_states(const ArrayParts& parts);
  Result<ObjectRule> object_rule(const ObjectParts& parts);
  Result<std::optional<std::vector<std::string>>> scalars_of(Formula formula);
  std::string pointer_of(Formula formula) const;

  void find_productive();
  bool is_productive(const ValueRule& rule) const;
  bool is_productive(const ArrayRule& rule) const;
  bool is_productive(const ObjectRule& rule) const;
  void prune(ValueRule& rule) const;

  Structures& structures_;
  std::map<Formula, ValueId> ids_;
  std::vector<Formula> formulas_;
  std::deque<ValueRule> rules_;
};

}  // namespace hearth::text::grammar::schema
