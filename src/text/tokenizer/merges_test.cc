#include "text/tokenizer/merges.h"

#include <gtest/gtest.h>

#include <random>

namespace hearth::text {
namespace {

// The definition, word for word: while any pair merges, merge the leftmost of the best.
std::vector<SymbolId> merge_by_definition(const MergeTable& table, std::vector<SymbolId> symbols) {
  while (true) {
    const Merge* best = nullptr;
    size_t place = 0;
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      const Merge* merge = table.find(symbols[i], symbols[i + 1]);
      if (merge != nullptr && (best == nullptr || merge->rank < best->rank)) {
        best = merge;
        place = i;
      }
    }
    if (best == nullptr) return symbols;
    symbols[place] = best->result;
    symbols.erase(symbols.begin() + static_cast<ptrdiff_t>(place) + 1);
  }
}

TEST(MergeTable, Add_TheSamePairTwice_KeepsTheFirst) {
  MergeTable table;
  EXPECT_EQ(table.find(1, 2), nullptr);
  ASSERT_TRUE(table.add(1, 2, {7, 3}));
  ASSERT_TRUE(table.add(1, 2, {8, 4}));
  ASSERT_NE(table.find(1, 2), nullptr);
  EXPECT_EQ(table.find(1, 2)->rank, 7U);
  EXPECT_EQ(table.find(1, 2)->result, 3);
  EXPECT_EQ(table.find(2, 1), nullptr);
  EXPECT_EQ(table.size(), 1U);
}

TEST(Merger, Apply_EqualRanks_MergesLeftmostFirst) {
  MergeTable table;
  ASSERT_TRUE(table.add(0, 0, {0, 1}));
  std::vector<SymbolId> symbols(3, 0);
  Merger(table).apply(symbols);
  EXPECT_EQ(symbols, (std::vector<SymbolId>{1, 0}));
}

TEST(Merger, Apply_NothingToMerge_LeavesTheWord) {
  const MergeTable table;
  for (const size_t n : {0, 1, 2, 100}) {
    std::vector<SymbolId> symbols(n, 5);
    Merger(table).apply(symbols);
    EXPECT_EQ(symbols, std::vector<SymbolId>(n, 5));
  }
}

TEST(Merger, Apply_RandomTables_FollowsTheDefinition) {
  std::mt19937 random(1);
  const auto rank_below = [&](uint32_t n) { return static_cast<uint32_t>(random()) % n; };
  const auto below = [&](uint32_t n) { return static_cast<SymbolId>(rank_below(n)); };
  for (int round = 0; round < 300; ++round) {
    MergeTable table;
    const uint32_t n_letters = 1 + rank_below(4);
    const uint32_t n_symbols = n_letters + 1 + rank_below(20);
    for (SymbolId result = static_cast<SymbolId>(n_letters); result < static_cast<SymbolId>(n_symbols);
         ++result) {
      // Equal ranks occur: scores of SPM vocabularies tie.
      ASSERT_TRUE(table.add(below(n_symbols), below(n_symbols), {rank_below(10), result}));
      ASSERT_TRUE(table.add(below(n_letters), below(n_letters), {rank_below(10), result}));
    }
    Merger merger(table);  // one for all words: working memory must not leak from one to the next
    for (const size_t n : {2, 7, 39, 40, 41, 300}) {
      std::vector<SymbolId> symbols(n);
      for (SymbolId& symbol : symbols) symbol = below(n_letters);
      const auto expected = merge_by_definition(table, symbols);
      merger.apply(symbols);
      ASSERT_EQ(symbols, expected) << "round " << round << ", " << n << " symbols";
    }
  }
}

// A quadratic algorithm would need hours.
TEST(Merger, Apply_AMillionEqualSymbols_EndsSoon) {
  MergeTable table;
  for (SymbolId i = 0; i < 20; ++i) ASSERT_TRUE(table.add(i, i, {static_cast<uint32_t>(i), i + 1}));
  std::vector<SymbolId> symbols(size_t{1} << 20, 0);
  Merger(table).apply(symbols);
  EXPECT_EQ(symbols, std::vector<SymbolId>{20});
}

}  // namespace
}  // namespace hearth::text
