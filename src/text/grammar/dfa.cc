#include "text/grammar/dfa.h"

#include <algorithm>
#include <array>
#include <map>
#include <unordered_map>

#include "text/grammar/byte_classes.h"
#include "text/grammar/dfa_builder.h"

namespace hearth::text::grammar {
namespace {

Error too_many_states(size_t max_states) {
  return make_error(ErrorCode::kResourceExhausted,
                    "the conditions on a text are too complex: expected at most {} states", max_states);
}

Result<void> spend(WorkBudget* work, uint64_t steps) {
  if (!work) return {};
  work->spend(steps);
  if (work->is_spent())
    return make_error(ErrorCode::kResourceExhausted, "the conditions on a text take too much work");
  return {};
}

// States of a nondeterministic automaton, ascending.
using States = std::vector<State>;

struct StatesHash {
  size_t operator()(const States& states) const noexcept {
    size_t hash = states.size();
    for (const State state : states) hash = (hash ^ state) * 0x9E3779B97F4A7C15U;
    return hash;
  }
};

class SubsetConstruction {
 public:
  SubsetConstruction(const Grammar& grammar, std::vector<uint8_t> classes, size_t max_states,
                     WorkBudget* work)
      : grammar_(grammar),
        max_states_(max_states),
        work_(work),
        class_of_(classes),
        dfa_(std::move(classes)),
        marks_(grammar.n_states()) {
    for (unsigned byte = 256; byte-- > 0;) first_byte_[class_of_[byte]] = static_cast<uint8_t>(byte);
  }

  Result<Dfa> run() && {
    const uint32_t start = number_of({grammar_.start()});
    for (size_t i = 0; i < sets_.size(); ++i) {
      if (dfa_.n_states() > max_states_) return too_many_states(max_states_);
      const uint32_t from = static_cast<uint32_t>(i + 1);
      uint64_t n_edges = 1;
      for (const State state : *sets_[i]) n_edges += grammar_.edges(state).size();
      HEARTH_TRY(spend(work_, n_edges * dfa_.n_classes()));
      for (uint32_t c = 0; c < dfa_.n_classes(); ++c) {
        States targets;
        for (const State state : *sets_[i]) {
          for (const Grammar::Edge& edge : grammar_.edges(state)) {
            const uint8_t byte = first_byte_[c];
            if (edge.kind == Grammar::Edge::Kind::kBytes && edge.first <= byte && byte <= edge.last)
              targets.push_back(edge.target);
          }
        }
        if (!targets.empty()) dfa_.set_next(from, c, number_of(std::move(targets)));
      }
    }
    return std::move(dfa_).minimised(start);
  }

 private:
  // Of the states and all that are reached from them without reading.
  uint32_t number_of(States states) {
    ++mark_;
    States closed;
    while (!states.empty()) {
      const State state = states.back();
      states.pop_back();
      if (marks_[state] == mark_) continue;
      marks_[state] = mark_;
      closed.push_back(state);
      for (const Grammar::Edge& edge : grammar_.edges(state)) {
        if (edge.kind == Grammar::Edge::Kind::kEmpty) states.push_back(edge.target);
      }
    }
    std::sort(closed.begin(), closed.end());
    const auto [found, is_new] = numbers_.try_emplace(std::move(closed), 0);
    if (is_new) {
      found->second = dfa_.add_state(std::any_of(found->first.begin(), found->first.end(),
                                                 [&](State state) { return grammar_.is_final(state); }));
      sets_.push_back(&found->first);
    }
    return found->second;
  }

  const Grammar& grammar_;
  const size_t max_states_;
  WorkBudget* const work_;
  std::vector<uint8_t> class_of_;
  std::array<uint8_t, 256> first_byte_{};  // of each class
  DfaBuilder dfa_;
  std::unordered_map<States, uint32_t, StatesHash> numbers_;
  std::vector<const States*> sets_;  // of each number from 1
  std::vector<uint32_t> marks_;
  uint32_t mark_ = 0;
};

// The pairs of states that two automata are in at once.
template <typename IsFinal>
Result<Dfa> product(const Dfa& a, const Dfa& b, bool needs_a, bool needs_b, WorkBudget* work,
                    IsFinal is_final) {
  std::map<std::pair<uint32_t, uint32_t>, uint8_t> class_pairs;
  std::vector<uint8_t> classes(256);
  std::vector<uint8_t> first_byte;
  for (unsigned i = 0; i < 256; ++i) {
    const auto byte = static_cast<uint8_t>(i);
    const auto [found, is_new] = class_pairs.try_emplace({a.class_of(byte), b.class_of(byte)},
                                                         static_cast<uint8_t>(class_pairs.size()));
    if (is_new) first_byte.push_back(byte);
    classes[i] = found->second;
  }
  DfaBuilder dfa(std::move(classes));
  std::unordered_map<uint64_t, uint32_t> numbers;
  std::vector<std::pair<uint32_t, uint32_t>> pairs;
  const auto number_of = [&](uint32_t in_a, uint32_t in_b) {
    if ((needs_a && in_a == Dfa::kDead) || (needs_b && in_b == Dfa::kDead) ||
        (in_a == Dfa::kDead && in_b == Dfa::kDead))
      return Dfa::kDead;
    const auto [found, is_new] = numbers.try_emplace(uint64_t{in_a} << 32U | in_b, 0);
    if (is_new) {
      found->second = dfa.add_state(is_final(a.is_final(in_a), b.is_final(in_b)));
      pairs.emplace_back(in_a, in_b);
    }
    return found->second;
  };
  const uint32_t start = number_of(a.start(), b.start());
  for (size_t i = 0; i < pairs.size(); ++i) {
    // Twice what a result may have: it gets smaller.
    if (pairs.size() > 2 * Dfa::kDefaultMaxStates) return too_many_states(Dfa::kDefaultMaxStates);
    constexpr uint64_t kStepsOfEdge = 4;  // it is looked up, and minimised
    HEARTH_TRY(spend(work, kStepsOfEdge * dfa.n_classes()));
    const auto [in_a, in_b] = pairs[i];
    for (uint32_t c = 0; c < dfa.n_classes(); ++c)
      dfa.set_next(static_cast<uint32_t>(i + 1), c,
                   number_of(a.next(in_a, first_byte[c]), b.next(in_b, first_byte[c])));
  }
  Dfa made = std::move(dfa).minimised(start);
  if (made.n_states() > Dfa::kDefaultMaxStates) return too_many_states(Dfa::kDefaultMaxStates);
  return made;
}

}  // namespace

Dfa::Dfa() : classes_(256), next_(1, kDead), finals_(1, false) {}

bool Dfa::accepts(std::string_view text) const {
  uint32_t state = start_;
  for (const char c : text) state = next(state, static_cast<uint8_t>(c));
  return finals_[state];
}

bool Dfa::empty() const {
  return start_ == kDead;
}

// Every state but the dead one lies on a way from the start to an end, so a circle means that there is no
// limit.
std::optional<uint64_t> Dfa::count(uint64_t limit) const {
  if (empty()) return 0;
  std::vector<uint64_t> multiplicities(n_classes_);
  for (const uint8_t c : classes_) ++multiplicities[c];
  // Kahn's order over edges between live states.
  std::vector<uint32_t> n_into(n_states());
  const auto for_each_edge = [&](uint32_t state, const auto& visit) {
    for (uint32_t c = 0; c < n_classes_; ++c) {
      const uint32_t target = next_[size_t{state} * n_classes_ + c];
      if (target != kDead) visit(target, multiplicities[c]);
    }
  };
  for (uint32_t state = 1; state < n_states(); ++state)
    for_each_edge(state, [&](uint32_t target, uint64_t) { ++n_into[target]; });
  if (n_into[start_] != 0) return std::nullopt;
  std::vector<uint64_t> ways(n_states());
  ways[start_] = 1;
  std::vector<uint32_t> order{start_};
  uint64_t n = 0;
  const uint64_t held = limit + 1;
  for (size_t i = 0; i < order.size(); ++i) {
    const uint32_t state = order[i];
    if (finals_[state]) n = std::min(held, n + ways[state]);
    for_each_edge(state, [&](uint32_t target, uint64_t multiplicity) {
      ways[target] = std::min(held, ways[target] + std::min(held, ways[state]) * multiplicity);
      if (--n_into[target] == 0) order.push_back(target);
    });
  }
  if (order.size() + 1 < n_states() || n > limit) return std::nullopt;
  return n;
}

Result<Dfa> determinise(const GrammarBuilder& builder, GrammarBuilder::Node node, size_t max_states,
                        WorkBudget* work) {
  HEARTH_ASSIGN(const std::shared_ptr<const Grammar> grammar, builder.build_regular(node));
  if (!grammar) return Dfa();
  ByteClasses classes;
  for (State state = 0; state < grammar->n_states(); ++state) {
    for (const Grammar::Edge& edge : grammar->edges(state)) {
      if (edge.kind == Grammar::Edge::Kind::kBytes) classes.separate(edge.first, edge.last);
    }
  }
  return SubsetConstruction(*grammar, classes.classes(), max_states, work).run();
}

Result<Dfa> intersect(const Dfa& a, const Dfa& b, WorkBudget* work) {
  return product(a, b, true, true, work, [](bool in_a, bool in_b) { return in_a && in_b; });
}

Result<Dfa> unite(const Dfa& a, const Dfa& b, WorkBudget* work) {
  return product(a, b, false, false, work, [](bool in_a, bool in_b) { return in_a || in_b; });
}

Result<Dfa> subtract(const Dfa& a, const Dfa& b, WorkBudget* work) {
  return product(a, b, true, false, work, [](bool in_a, bool in_b) { return in_a && !in_b; });
}

// By halves, so that each part goes through few operations.
Result<Dfa> unite(std::vector<Dfa> parts, WorkBudget* work) {
  if (parts.empty()) return Dfa();
  for (; parts.size() > 1; parts.resize((parts.size() + 1) / 2)) {
    for (size_t i = 0; i + 1 < parts.size(); i += 2) {
      HEARTH_ASSIGN(parts[i / 2], unite(parts[i], parts[i + 1], work));
    }
    if (parts.size() % 2 == 1) parts[parts.size() / 2] = std::move(parts.back());
  }
  return std::move(parts.front());
}

}  // namespace hearth::text::grammar
