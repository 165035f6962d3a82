#include "text/grammar/state_sets.h"

#include <algorithm>

#include "text/grammar/byte_classes.h"

namespace hearth::text::grammar {
namespace {

using Edge = Grammar::Edge;

uint64_t pair_key(uint32_t a, uint32_t b) {
  return uint64_t{a} << 32U | b;
}

std::vector<uint8_t> classes_of(const Grammar& grammar) {
  ByteClasses classes;
  for (State state = 0; state < grammar.n_states(); ++state) {
    for (const Edge& edge : grammar.edges(state)) {
      if (edge.kind == Edge::Kind::kBytes) classes.separate(edge.first, edge.last);
    }
  }
  return classes.classes();
}

}  // namespace

StateSets::StateSets(std::shared_ptr<const Grammar> grammar)
    : grammar_(std::move(grammar)), classes_(classes_of(*grammar_)), n_classes_(uint32_t{classes_[255]} + 1) {
  stacks_.push_back({});  // kBottom
  for (const SetId id : {kDead, kTooMany}) {
    sets_.push_back({0, 0, false});
    next_.resize(next_.size() + n_classes_, id);
  }
}

SetId StateSets::start() {
  reached_.assign(1, {grammar_->start(), kBottom});
  return close(reached_);
}

std::span<const StateSets::Configuration> StateSets::configurations(SetId set) const {
  return std::span(configurations_).subspan(sets_[set].first_configuration, sets_[set].n_configurations);
}

SetId StateSets::find_next(SetId set, uint8_t byte) {
  reached_.clear();
  for (const Configuration& configuration : configurations(set)) {
    for (const Edge& edge : grammar_->edges(configuration.state)) {
      if (edge.kind == Edge::Kind::kBytes && edge.first <= byte && byte <= edge.last)
        reached_.push_back({edge.target, configuration.stack});
    }
  }
  const SetId found = reached_.empty() ? kDead : close(reached_);
  next_[size_t{set} * n_classes_ + classes_[byte]] = found;
  return found;
}

// Kept are configurations that can read; those that cannot have led on to others, or to the end.
SetId StateSets::close(std::vector<Configuration>& reached) {
  kept_.clear();
  seen_.clear();
  bool may_end = false;
  while (!reached.empty()) {
    const Configuration at = reached.back();
    reached.pop_back();
    if (!seen_.try_emplace(pair_key(at.state, at.stack)).second) continue;
    if (seen_.size() > kMaxConfigurations) {
      reached.clear();
      return kTooMany;
    }
    if (grammar_->is_final(at.state)) {
      if (at.stack == kBottom) {
        may_end = true;
      } else {
        reached.push_back({stacks_[at.stack].return_to, stacks_[at.stack].parent});
      }
    }
    bool reads = false;
    for (const Edge& edge : grammar_->edges(at.state)) {
      switch (edge.kind) {
        case Edge::Kind::kBytes:
          reads = true;
          break;
        case Edge::Kind::kEmpty:
          reached.push_back({edge.target, at.stack});
          break;
        case Edge::Kind::kCall:
          // A call after which its own rule can only end returns to where that one returns to: else the stack
          // of a list would grow with every item.
          reached.push_back({grammar_->start(edge.rule),
                             grammar_->is_tail(edge.target) ? at.stack : push(edge.target, at.stack)});
          break;
      }
    }
    if (reads) kept_.push_back(at);
  }
  std::sort(kept_.begin(), kept_.end());
  return intern(may_end);
}

SetId StateSets::intern(bool may_end) {
  uint64_t hash = may_end ? 1 : 0;
  for (const Configuration& kept : kept_) {
    hash = (hash ^ pair_key(kept.state, kept.stack)) * 0x9E3779B97F4A7C15U;
    hash ^= hash >> 29U;
  }
  const auto [first, last] = by_hash_.equal_range(hash);
  for (auto found = first; found != last; ++found) {
    const auto other = configurations(found->second);
    if (sets_[found->second].may_end == may_end &&
        std::equal(other.begin(), other.end(), kept_.begin(), kept_.end()))
      return found->second;
  }
  const auto id = static_cast<SetId>(sets_.size());
  sets_.push_back(
      {static_cast<uint32_t>(configurations_.size()), static_cast<uint32_t>(kept_.size()), may_end});
  configurations_.insert(configurations_.end(), kept_.begin(), kept_.end());
  next_.resize(next_.size() + n_classes_, kUnknown);
  by_hash_.emplace(hash, id);
  return id;
}

StateSets::Stack StateSets::push(State return_to, Stack parent) {
  const auto [found, is_new] =
      stack_numbers_.try_emplace(pair_key(return_to, parent), static_cast<Stack>(stacks_.size()));
  if (is_new) stacks_.push_back({return_to, parent});
  return found->second;
}

std::optional<uint8_t> StateSets::forced_byte(SetId set) {
  if (may_end(set)) return std::nullopt;
  std::optional<uint8_t> only;
  for (const Configuration& configuration : configurations(set)) {
    for (const Edge& edge : grammar_->edges(configuration.state)) {
      if (edge.kind != Edge::Kind::kBytes) continue;
      if (edge.first != edge.last || (only && *only != edge.first)) return std::nullopt;
      only = edge.first;
    }
  }
  return only;
}

size_t StateSets::size_bytes() const noexcept {
  constexpr size_t kMapEntryBytes = 48;
  return configurations_.size() * sizeof(Configuration) + next_.size() * sizeof(SetId) +
         sets_.size() * (sizeof(Set) + kMapEntryBytes) +
         stacks_.size() * (sizeof(StackNode) + kMapEntryBytes);
}

SetId StateSets::adopt(const StateSets& other, SetId set) {
  if (set == kDead || set == kTooMany) return set;
  // A stack's parent has a lower number than it has.
  std::unordered_map<Stack, Stack> adopted{{kBottom, kBottom}};
  std::vector<Stack> path;
  kept_.clear();
  for (const Configuration& configuration : other.configurations(set)) {
    for (Stack stack = configuration.stack; !adopted.contains(stack); stack = other.stacks_[stack].parent)
      path.push_back(stack);
    for (; !path.empty(); path.pop_back()) {
      const StackNode& node = other.stacks_[path.back()];
      adopted.emplace(path.back(), push(node.return_to, adopted.at(node.parent)));
    }
    kept_.push_back({configuration.state, adopted.at(configuration.stack)});
  }
  std::sort(kept_.begin(), kept_.end());
  return intern(other.may_end(set));
}

}  // namespace hearth::text::grammar
