#include "text/tokenizer/merges.h"

#include <algorithm>
#include <bit>

namespace hearth::text {
namespace {

constexpr uint32_t kNoRank = std::numeric_limits<uint32_t>::max();
constexpr Merge kNoMerge{kNoRank, kNoSymbol};
constexpr int32_t kNoNode = -1;
constexpr SymbolId kMergedAway = -2;

// Where scanning all pairs for the best one starts to cost more than a heap does.
constexpr size_t kShortWord = 40;

constexpr uint64_t pack(SymbolId left, SymbolId right) noexcept {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

}  // namespace

void MergeTable::reserve(size_t n_merges) {
  grow(std::bit_ceil(2 * std::min(n_merges, kMaxMerges) + 1));
}

bool MergeTable::add(SymbolId left, SymbolId right, Merge merge) {
  if (2 * (n_merges_ + 1) > slots_.size()) grow(slots_.empty() ? 16 : 2 * slots_.size());
  Slot& slot = slots_[slot_for(pack(left, right))];
  if (slot.pair != kEmpty) return true;
  if (n_merges_ == kMaxMerges) return false;
  slot = {pack(left, right), merge};
  ++n_merges_;
  return true;
}

const Merge* MergeTable::find(SymbolId left, SymbolId right) const noexcept {
  if (slots_.empty()) return nullptr;
  const Slot& slot = slots_[slot_for(pack(left, right))];
  return slot.pair == kEmpty ? nullptr : &slot.merge;
}

size_t MergeTable::slot_for(uint64_t pair) const noexcept {
  const size_t mask = slots_.size() - 1;
  size_t at = hash_(pair) & mask;
  while (slots_[at].pair != kEmpty && slots_[at].pair != pair) at = (at + 1) & mask;
  return at;
}

void MergeTable::grow(size_t n_slots) {
  if (n_slots <= slots_.size()) return;
  std::vector<Slot> old(n_slots);
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.pair != kEmpty) slots_[slot_for(slot.pair)] = slot;
  }
}

void Merger::apply(std::vector<SymbolId>& symbols) {
  if (symbols.size() <= kShortWord) {
    apply_short(symbols);
  } else {
    apply_long(symbols);
  }
}

void Merger::apply_short(std::vector<SymbolId>& symbols) {
  const auto merge_at = [&](size_t i) {
    const Merge* merge = table_.find(symbols[i], symbols[i + 1]);
    return merge != nullptr ? *merge : kNoMerge;
  };
  pairs_.clear();
  for (size_t i = 0; i + 1 < symbols.size(); ++i) pairs_.push_back(merge_at(i));
  while (!pairs_.empty()) {
    const auto best = std::min_element(pairs_.begin(), pairs_.end(),
                                       [](const Merge& a, const Merge& b) { return a.rank < b.rank; });
    if (best->rank == kNoRank) return;
    const auto i = static_cast<size_t>(best - pairs_.begin());
    symbols[i] = best->result;
    symbols.erase(symbols.begin() + static_cast<ptrdiff_t>(i) + 1);
    pairs_.erase(best);
    if (i > 0) pairs_[i - 1] = merge_at(i - 1);
    if (i < pairs_.size()) pairs_[i] = merge_at(i);
  }
}

// The heap's top is the least element by this.
static constexpr auto kLater = [](const auto& a, const auto& b) { return a.order > b.order; };

void Merger::apply_long(std::vector<SymbolId>& symbols) {
  const auto n = static_cast<int32_t>(symbols.size());
  nodes_.clear();
  heap_.clear();
  for (int32_t i = 0; i < n; ++i) {
    nodes_.push_back({symbols[static_cast<size_t>(i)], i - 1, i + 1 < n ? i + 1 : kNoNode});
  }
  for (int32_t i = 0; i < n; ++i) push_candidate(i);

  while (!heap_.empty()) {
    std::pop_heap(heap_.begin(), heap_.end(), kLater);
    const Candidate candidate = heap_.back();
    heap_.pop_back();
    const auto at = static_cast<int32_t>(candidate.order & 0xFFFFFFFF);
    Node& left = nodes_[static_cast<size_t>(at)];
    // One of the two may have gone into another merge since.
    if (left.symbol != candidate.left || left.next == kNoNode) continue;
    Node& right = nodes_[static_cast<size_t>(left.next)];
    if (right.symbol != candidate.right) continue;

    left.symbol = candidate.result;
    right.symbol = kMergedAway;
    left.next = right.next;
    if (left.next != kNoNode) nodes_[static_cast<size_t>(left.next)].previous = at;
    if (left.previous != kNoNode) push_candidate(left.previous);
    push_candidate(at);
  }

  symbols.clear();
  for (int32_t i = 0; i != kNoNode; i = nodes_[static_cast<size_t>(i)].next) {
    symbols.push_back(nodes_[static_cast<size_t>(i)].symbol);
  }
}

void Merger::push_candidate(int32_t left) {
  const Node& node = nodes_[static_cast<size_t>(left)];
  if (node.next == kNoNode) return;
  const SymbolId right = nodes_[static_cast<size_t>(node.next)].symbol;
  const Merge* merge = table_.find(node.symbol, right);
  if (merge == nullptr) return;
  heap_.push_back({static_cast<uint64_t>(merge->rank) << 32 | static_cast<uint32_t>(left), node.symbol, right,
                   merge->result});
  std::push_heap(heap_.begin(), heap_.end(), kLater);
}

}  // namespace hearth::text
