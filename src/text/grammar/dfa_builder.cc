#include "text/grammar/dfa_builder.h"

#include <algorithm>

namespace hearth::text::grammar {

DfaBuilder::DfaBuilder(std::vector<uint8_t> classes)
    : classes_(std::move(classes)),
      n_classes_(uint32_t{*std::max_element(classes_.begin(), classes_.end())} + 1) {
  add_state(/*is_final=*/false);
}

uint32_t DfaBuilder::add_state(bool is_final) {
  finals_.push_back(is_final);
  next_.resize(next_.size() + n_classes_, Dfa::kDead);
  return static_cast<uint32_t>(finals_.size() - 1);
}

namespace {

// The edges of an automaton by their class and target, as Hopcroft's algorithm asks for them.
struct Inverse {
  Inverse(const std::vector<uint32_t>& next, uint32_t n_states, uint32_t n_classes)
      : begins(size_t{n_states} * n_classes + 1), froms(next.size()) {
    const auto place = [&](size_t edge) { return (edge % n_classes) * n_states + next[edge]; };
    for (size_t edge = 0; edge < next.size(); ++edge) ++begins[place(edge) + 1];
    for (size_t i = 1; i < begins.size(); ++i) begins[i] += begins[i - 1];
    std::vector<uint32_t> ends(begins.begin(), begins.end() - 1);
    for (size_t edge = 0; edge < next.size(); ++edge)
      froms[ends[place(edge)]++] = static_cast<uint32_t>(edge / n_classes);
  }
  std::vector<uint32_t> begins;  // [n_classes, n_states]
  std::vector<uint32_t> froms;
};

// States in blocks, each block side by side, so that one can be divided in the time that its marked part
// takes.
class Partition {
 public:
  explicit Partition(const std::vector<bool>& finals)
      : elements_(finals.size()), places_(finals.size()), block_of_(finals.size()) {
    uint32_t place = 0;
    for (const bool wanted : {false, true}) {
      const uint32_t begin = place;
      for (uint32_t state = 0; state < finals.size(); ++state) {
        if (finals[state] != wanted) continue;
        elements_[place] = state;
        places_[state] = place++;
        block_of_[state] = static_cast<uint32_t>(blocks_.size());
      }
      if (place > begin) blocks_.push_back({begin, place, begin});
    }
  }
  struct Block {
    uint32_t begin, end;
    uint32_t marked_end;  // those marked stand in front
  };
  size_t size() const { return blocks_.size(); }
  const Block& block(uint32_t i) const { return blocks_[i]; }
  uint32_t element(uint32_t place) const { return elements_[place]; }
  const std::vector<uint32_t>& block_of() const { return block_of_; }

  // True for the first one of its block.
  bool mark(uint32_t state) {
    Block& block = blocks_[block_of_[state]];
    const uint32_t place = places_[state];
    if (place < block.marked_end) return false;
    const uint32_t other = elements_[block.marked_end];
    std::swap(elements_[place], elements_[block.marked_end]);
    places_[other] = place;
    places_[state] = block.marked_end++;
    return block.marked_end == block.begin + 1;
  }
  // The marked ones get a block of their own, whose number is returned; none where all are marked.
  std::optional<uint32_t> split(uint32_t i) {
    Block& block = blocks_[i];
    if (block.marked_end == block.end) {
      block.marked_end = block.begin;
      return std::nullopt;
    }
    const Block marked{block.begin, block.marked_end, block.begin};
    block.begin = block.marked_end;
    const auto number = static_cast<uint32_t>(blocks_.size());
    for (uint32_t place = marked.begin; place < marked.end; ++place) block_of_[elements_[place]] = number;
    blocks_.push_back(marked);
    return number;
  }

 private:
  std::vector<uint32_t> elements_, places_, block_of_;
  std::vector<Block> blocks_;
};

}  // namespace

// Source: Hopcroft, "An n log n algorithm for minimizing states in a finite automaton" (1971).
std::vector<uint32_t> DfaBuilder::blocks(const std::vector<uint32_t>& next) const {
  const auto n = static_cast<uint32_t>(n_states());
  const Inverse inverse(next, n, n_classes_);
  Partition partition(finals_);
  struct Splitter {
    uint32_t block, byte_class;
  };
  std::vector<Splitter> to_split;
  std::vector<std::vector<bool>> waits(partition.size(), std::vector<bool>(n_classes_));
  const auto enqueue = [&](uint32_t block, uint32_t c) {
    if (waits[block][c]) return;
    waits[block][c] = true;
    to_split.push_back({block, c});
  };
  for (uint32_t block = 0; block < partition.size(); ++block)
    for (uint32_t c = 0; c < n_classes_; ++c) enqueue(block, c);
  std::vector<uint32_t> members, touched;
  while (!to_split.empty()) {
    const Splitter splitter = to_split.back();
    to_split.pop_back();
    waits[splitter.block][splitter.byte_class] = false;
    const auto [begin, end, unused] = partition.block(splitter.block);
    members.clear();
    for (uint32_t place = begin; place < end; ++place) members.push_back(partition.element(place));
    touched.clear();
    for (const uint32_t member : members) {
      const size_t at = size_t{splitter.byte_class} * n + member;
      for (uint32_t i = inverse.begins[at]; i < inverse.begins[at + 1]; ++i) {
        const uint32_t from = inverse.froms[i];
        if (partition.mark(from)) touched.push_back(partition.block_of()[from]);
      }
    }
    for (const uint32_t block : touched) {
      const std::optional<uint32_t> made = partition.split(block);
      if (!made) continue;
      waits.emplace_back(n_classes_);
      const auto size = [&](uint32_t i) { return partition.block(i).end - partition.block(i).begin; };
      for (uint32_t c = 0; c < n_classes_; ++c)
        enqueue(waits[block][c] || size(*made) <= size(block) ? *made : block, c);
    }
  }
  return partition.block_of();
}

std::vector<bool> DfaBuilder::states_with_texts() const {
  std::vector<std::vector<uint32_t>> into(n_states());
  for (size_t edge = 0; edge < next_.size(); ++edge) {
    auto& froms = into[next_[edge]];
    const auto from = static_cast<uint32_t>(edge / n_classes_);
    if (froms.empty() || froms.back() != from) froms.push_back(from);
  }
  std::vector<bool> has_text(finals_);
  std::vector<uint32_t> to_visit;
  for (uint32_t state = 0; state < n_states(); ++state)
    if (finals_[state]) to_visit.push_back(state);
  while (!to_visit.empty()) {
    const uint32_t state = to_visit.back();
    to_visit.pop_back();
    for (const uint32_t from : into[state]) {
      if (has_text[from]) continue;
      has_text[from] = true;
      to_visit.push_back(from);
    }
  }
  return has_text;
}

Dfa DfaBuilder::minimised(uint32_t start) && {
  const std::vector<bool> has_text = states_with_texts();
  for (uint32_t& target : next_)
    if (!has_text[target]) target = Dfa::kDead;
  const std::vector<uint32_t> block_of = blocks(next_);

  // Numbered as they are reached from the start; the dead one is 0.
  Dfa dfa;
  dfa.classes_ = std::move(classes_);
  dfa.n_classes_ = n_classes_;
  dfa.next_.assign(n_classes_, Dfa::kDead);
  dfa.finals_.assign(1, false);
  if (!has_text[start]) return dfa;
  constexpr uint32_t kNone = ~uint32_t{0};
  std::vector<uint32_t> numbers(n_states(), kNone);  // by block
  numbers[block_of[Dfa::kDead]] = Dfa::kDead;
  std::vector<uint32_t> members;  // one of each number from 1
  const auto number_of = [&](uint32_t state) {
    uint32_t& number = numbers[block_of[state]];
    if (number == kNone) {
      number = static_cast<uint32_t>(members.size() + 1);
      members.push_back(state);
    }
    return number;
  };
  dfa.start_ = number_of(start);
  for (size_t i = 0; i < members.size(); ++i) {
    const uint32_t state = members[i];
    dfa.finals_.push_back(finals_[state]);
    for (uint32_t c = 0; c < n_classes_; ++c) {
      const uint32_t target = number_of(next_[size_t{state} * n_classes_ + c]);
      dfa.next_.push_back(target);
    }
  }
  return dfa;
}

}  // namespace hearth::text::grammar
