// Byte-pair encoding proper: which neighbours become one symbol, and in which order. BPE vocabularies list
// their merges; SPM vocabularies imply them (tokenizer_spm.cc). Source: arXiv:1508.07909, section 3.2.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "text/tokenizer/keyed_hash.h"
#include "text/tokenizer/symbol_table.h"

namespace hearth::text {

struct Merge {
  uint32_t rank;  // lowest first; equal ranks leftmost first
  SymbolId result;
};

// (left, right) -> merge. Built once, then read by any number of threads.
class MergeTable {
 public:
  // Far beyond any vocabulary; bounds what a hostile one can make us allocate.
  static constexpr size_t kMaxMerges = size_t{1} << 24;

  void reserve(size_t n_merges);
  // Of several merges of one pair the first stands. False if the table is full.
  [[nodiscard]] bool add(SymbolId left, SymbolId right, Merge merge);
  const Merge* find(SymbolId left, SymbolId right) const noexcept;
  size_t size() const noexcept { return n_merges_; }

 private:
  static constexpr uint64_t kEmpty =
      std::numeric_limits<uint64_t>::max();  // no pair of symbols packs to this
  struct Slot {
    uint64_t pair = kEmpty;
    Merge merge{};
  };
  void grow(size_t n_slots);
  size_t slot_for(uint64_t pair) const noexcept;

  KeyedHash hash_;
  std::vector<Slot> slots_;  // open addressing, a power of two, at most half full
  size_t n_merges_ = 0;
};

// Applies the merges of a table to words. Holds the working memory, so one per call of encode.
class Merger {
 public:
  explicit Merger(const MergeTable& table) : table_(table) {}

  // Merges neighbours in `symbols`, the best first, until no merge applies: O(n log n).
  void apply(std::vector<SymbolId>& symbols);

 private:
  void apply_short(std::vector<SymbolId>& symbols);
  void apply_long(std::vector<SymbolId>& symbols);
  void push_candidate(int32_t left);

  struct Node {  // of a doubly linked list; kNoNode ends it
    SymbolId symbol;
    int32_t previous;
    int32_t next;
  };
  struct Candidate {
    uint64_t order;  // rank, then place
    SymbolId left, right, result;
  };

  const MergeTable& table_;
  std::vector<Merge> pairs_;
  std::vector<Node> nodes_;
  std::vector<Candidate> heap_;
};

}  // namespace hearth::text
