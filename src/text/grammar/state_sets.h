// A grammar's automaton made deterministic while it is walked.
//
// Where an answer is in its grammar is a set of configurations: a state, and the stack of states to return to
// from the rules that were called. Sets and stacks have numbers, equal ones the same, and where a byte leads
// from a set is computed once: then a walk costs a table look-up a byte, as with a regular expression.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "text/grammar/grammar.h"

namespace hearth::text::grammar {

using SetId = uint32_t;

// Not thread-safe. Sets are never dropped: whoever finds it full goes on in another one (adopt()).
class StateSets {
 public:
  static constexpr SetId kDead = 0;     // no text of the grammar begins so
  static constexpr SetId kTooMany = 1;  // the grammar is too ambiguous here; nothing leads out of it
  static constexpr size_t kMaxConfigurations = 2'000;  // of a set

  explicit StateSets(std::shared_ptr<const Grammar> grammar);

  SetId start();
  SetId next(SetId set, uint8_t byte) {
    const SetId known = next_[size_t{set} * n_classes_ + classes_[byte]];
    return known != kUnknown ? known : find_next(set, byte);
  }
  // Whether the answer may end here.
  bool may_end(SetId set) const noexcept { return sets_[set].may_end; }
  // Whether anything may follow.
  bool may_go_on(SetId set) const noexcept { return sets_[set].n_configurations != 0; }
  // The only byte that can follow, if it is one and the answer may not end instead.
  std::optional<uint8_t> forced_byte(SetId set);

  size_t n_sets() const noexcept { return sets_.size(); }
  size_t size_bytes() const noexcept;
  const std::shared_ptr<const Grammar>& grammar() const noexcept { return grammar_; }

  // The set of `other`, which has the same grammar, in here.
  SetId adopt(const StateSets& other, SetId set);

 private:
  using Stack = uint32_t;
  static constexpr Stack kBottom = 0;
  static constexpr SetId kUnknown = ~SetId{0};

  struct Configuration {
    State state;
    Stack stack;
    bool operator==(const Configuration&) const = default;
    auto operator<=>(const Configuration&) const = default;
  };
  struct StackNode {
    State return_to;
    Stack parent;
  };
  struct Set {
    uint32_t first_configuration;
    uint32_t n_configurations;
    bool may_end;
  };

  SetId find_next(SetId set, uint8_t byte);
  // The set of what is reached from `reached` without reading; empties it.
  SetId close(std::vector<Configuration>& reached);
  SetId intern(bool may_end);
  Stack push(State return_to, Stack parent);
  std::span<const Configuration> configurations(SetId set) const;

  std::shared_ptr<const Grammar> grammar_;
  std::vector<uint8_t> classes_;  // of bytes
  uint32_t n_classes_;
  std::vector<Configuration> configurations_;
  std::vector<Set> sets_;
  std::vector<SetId> next_;  // [sets, n_classes]
  std::unordered_multimap<uint64_t, SetId> by_hash_;
  std::vector<StackNode> stacks_;
  std::unordered_map<uint64_t, Stack> stack_numbers_;
  // Scratch of find_next() and close().
  std::vector<Configuration> reached_;
  std::vector<Configuration> kept_;
  std::unordered_map<uint64_t, uint32_t> seen_;
};

}  // namespace hearth::text::grammar
