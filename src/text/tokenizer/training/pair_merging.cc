#include "text/tokenizer/training/pair_merging.h"

#include <limits>
#include <utility>

#include "base/check.h"

namespace hearth::text {
namespace {

constexpr SymbolId kBoundary = std::numeric_limits<SymbolId>::min();
constexpr SymbolId kInside = -1;  // no length: a symbol of one byte has no last cell but its first
// For every so many cells it is known in which word they begin; from there one walks.
constexpr uint32_t kCellsPerBlock = 32;

// In the order in which ties are decided.
constexpr uint64_t pack_pair(SymbolId left, SymbolId right) noexcept {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32U | static_cast<uint32_t>(right);
}

}  // namespace

PairMerging::PairMerging(const WordCounts& words, const std::array<SymbolId, 256>& byte_symbols,
                         uint64_t min_count)
    : min_count_(min_count), lengths_(256, 1) {
  HEARTH_CHECK(min_count > 0);
  lay_out(words, byte_symbols);
  for (size_t word = 0; word < counts_.size(); ++word) {
    for (uint32_t at = begins_[word]; cells_[at + 1] != kBoundary; ++at) {
      add(cells_[at], cells_[at + 1], at, counts_[word]);
    }
  }
  settle_fresh();
}

void PairMerging::lay_out(const WordCounts& words, const std::array<SymbolId, 256>& byte_symbols) {
  cells_.reserve(words.n_bytes() + words.size() + 1);
  begins_.reserve(words.size() + 1);
  counts_.reserve(words.size());
  cells_.push_back(kBoundary);
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words.word(i);
    n_symbols_ += word.size() * words.count(i);
    if (word.size() < 2) continue;  // nothing to merge
    begins_.push_back(static_cast<uint32_t>(cells_.size()));
    counts_.push_back(words.count(i));
    for (const char c : word) cells_.push_back(byte_symbols[static_cast<unsigned char>(c)]);
    cells_.push_back(kBoundary);
  }
  begins_.push_back(static_cast<uint32_t>(cells_.size()));
  // Places are 32 bits wide, which the words' table sees to.
  HEARTH_CHECK(cells_.size() <= std::numeric_limits<uint32_t>::max());

  word_of_block_.reserve(cells_.size() / kCellsPerBlock + 1);
  uint32_t word = 0;
  for (uint64_t cell = 0; !counts_.empty() && cell < cells_.size(); cell += kCellsPerBlock) {
    while (begins_[word + 1] <= cell) ++word;
    word_of_block_.push_back(word);
  }
}

uint64_t PairMerging::count_at(uint32_t cell) const noexcept {
  uint32_t word = word_of_block_[cell / kCellsPerBlock];
  while (begins_[word + 1] <= cell) ++word;
  return counts_[word];
}

void PairMerging::add(SymbolId left, SymbolId right, uint32_t place, uint64_t count) {
  const uint64_t pair = pack_pair(left, right);
  const auto [entry, is_new] = pairs_.try_emplace(pair);
  if (is_new) fresh_.push_back(pair);
  entry->second.count += count;
  entry->second.places.push_back(place);
}

void PairMerging::remove(SymbolId left, SymbolId right, uint64_t count, SymbolId newest) {
  const auto entry = pairs_.find(pack_pair(left, right));
  if (entry == pairs_.end()) return;  // it was too rare before, or was taken
  entry->second.count -= count;
  // Others of the newest symbol's may be yet to come.
  const bool is_fresh = left == newest || right == newest;
  if (!is_fresh && entry->second.count < min_count_) pairs_.erase(entry);
}

void PairMerging::settle_fresh() {
  for (const uint64_t pair : fresh_) {
    const auto entry = pairs_.find(pair);
    if (entry->second.count < min_count_) {
      pairs_.erase(entry);
    } else {
      entry->second.places.shrink_to_fit();
      candidates_.push({entry->second.count, pair});
    }
  }
  fresh_.clear();
}

std::optional<PairMerging::Pair> PairMerging::take_best() {
  while (!candidates_.empty()) {
    const Candidate best = candidates_.top();
    candidates_.pop();
    const auto entry = pairs_.find(best.pair);
    if (entry == pairs_.end()) continue;
    if (entry->second.count != best.count) {
      candidates_.push({entry->second.count, best.pair});
      continue;
    }
    Pair taken{static_cast<SymbolId>(best.pair >> 32U), static_cast<SymbolId>(best.pair & 0xFFFFFFFFU),
               best.count, std::move(entry->second.places)};
    pairs_.erase(entry);
    return taken;
  }
  return std::nullopt;
}

SymbolId PairMerging::merge(const Pair& pair) {
  const auto made = static_cast<SymbolId>(lengths_.size());
  const uint32_t left_length = length(pair.left);
  const uint32_t made_length = left_length + length(pair.right);
  lengths_.push_back(made_length);
  for (const uint32_t at : pair.places) {
    const uint32_t middle = at + left_length;
    const uint32_t end = at + made_length;
    if (cells_[at] != pair.left || cells_[middle] != pair.right) continue;  // out of date
    const uint64_t count = count_at(at);
    n_symbols_ -= count;
    if (const SymbolId before = cells_[at - 1]; before != kBoundary) {
      const uint32_t place = before >= 0 ? at - 1 : at - static_cast<uint32_t>(-before);
      remove(cells_[place], pair.left, count, made);
      add(cells_[place], made, place, count);
    }
    if (const SymbolId after = cells_[end]; after != kBoundary) {
      remove(pair.right, after, count, made);
      add(made, after, at, count);
    }
    cells_[at] = made;
    cells_[middle] = kInside;
    cells_[end - 1] = -static_cast<SymbolId>(made_length);
  }
  settle_fresh();
  return made;
}

}  // namespace hearth::text
