// The loop of BPE training: which neighbours occur most often, and what becomes of the words when they are
// made one symbol. Source: arXiv:1508.07909, section 3.2, with counts that are kept up to date.
//
// The work is proportional to the number of places that merges change, whatever the lengths of words: pairs
// know where they occur, and a heap, of which entries may be out of date, knows the most frequent.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <queue>
#include <unordered_map>
#include <vector>

#include "text/tokenizer/training/word_counts.h"

namespace hearth::text {

// Not thread-safe.
class PairMerging {
 public:
  // Two neighbours of words, `count` times in the corpus.
  struct Pair {
    SymbolId left;
    SymbolId right;
    uint64_t count;
    std::vector<uint32_t> places;  // for merge()
  };

  // Symbols 0 to 255 are the bytes, byte b being byte_symbols[b]; merges make 256, 257, .... Pairs that occur
  // less than `min_count` times, which is at least 1, are never merged. `words` is not needed afterwards.
  PairMerging(const WordCounts& words, const std::array<SymbolId, 256>& byte_symbols, uint64_t min_count);

  // Takes the most frequent pair out, of several the one with the least left symbol, and then the least
  // right one; nothing where none is left. It comes once: what is not merged then never is.
  std::optional<Pair> take_best();

  // Makes one symbol, which is returned, of each occurrence of a pair that take_best() just gave: within a
  // word from the left, so that "aaa" becomes "aa a".
  SymbolId merge(const Pair& pair);

  // How many symbols the words are now, each as often as it occurs.
  uint64_t n_symbols() const noexcept { return n_symbols_; }

 private:
  // The words lie one behind another in cells, a cell for each byte. The first cell of a symbol holds it, and
  // the last one of a longer symbol its length, negative, so that both neighbours are found; those between,
  // like all that is negative, begin no symbol. kBoundary stands before, between and behind words.
  //
  // A place is the first cell of the left symbol. Those of a pair are all found while the newer of its
  // symbols is made, in ascending order; from then on occurrences only vanish: counts fall, and places go
  // out of date.
  struct Occurrences {
    uint64_t count = 0;
    std::vector<uint32_t> places;
  };
  struct Candidate {
    uint64_t count;
    uint64_t pair;
  };
  struct Worse {
    bool operator()(const Candidate& a, const Candidate& b) const noexcept {
      return a.count != b.count ? a.count < b.count : a.pair > b.pair;
    }
  };

  void lay_out(const WordCounts& words, const std::array<SymbolId, 256>& byte_symbols);
  uint32_t length(SymbolId symbol) const noexcept { return lengths_[static_cast<size_t>(symbol)]; }
  // How often the word occurs in which the cell lies.
  uint64_t count_at(uint32_t cell) const noexcept;
  void add(SymbolId left, SymbolId right, uint32_t place, uint64_t count);
  void remove(SymbolId left, SymbolId right, uint64_t count, SymbolId newest);
  // Makes candidates of the pairs in fresh_, and forgets those that are too rare, as they will stay.
  void settle_fresh();

  uint64_t min_count_;
  std::vector<SymbolId> cells_;
  std::vector<uint32_t> lengths_;  // of symbols, in bytes
  std::vector<uint32_t> begins_;   // of words, then the end
  std::vector<uint64_t> counts_;   // of words
  std::vector<uint32_t> word_of_block_;
  std::unordered_map<uint64_t, Occurrences> pairs_;
  std::vector<uint64_t> fresh_;  // pairs that were found since settle_fresh()
  std::priority_queue<Candidate, std::vector<Candidate>, Worse> candidates_;
  uint64_t n_symbols_ = 0;
};

}  // namespace hearth::text
