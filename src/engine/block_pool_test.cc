#include "engine/block_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

namespace hearth::engine {
namespace {

using Tokens = std::vector<text::TokenId>;

Tokens count_from(text::TokenId first, int64_t n) {
  Tokens tokens(static_cast<size_t>(n));
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

// Allocates and publishes the blocks of `tokens`, as a sequence does.
std::vector<int32_t> fill(BlockPool& pool, uint64_t tenant, const Tokens& tokens) {
  std::vector<int32_t> held = pool.acquire_prefix(tenant, tokens);
  const auto n = static_cast<size_t>(pool.block_tokens());
  for (size_t i = held.size(); (i + 1) * n <= tokens.size(); ++i) {
    const auto parent = held.empty() ? std::nullopt : std::optional(held.back());
    const int32_t block = *pool.allocate();
    pool.publish(tenant, parent, block, std::span(tokens).subspan(i * n, n));
    held.push_back(block);
  }
  return held;
}

void release_all(BlockPool& pool, const std::vector<int32_t>& blocks) {
  for (auto b = blocks.rbegin(); b != blocks.rend(); ++b) pool.release(*b);
}

TEST(BlockPool, Allocate_UntilEmpty_GivesEachBlockOnce) {
  BlockPool pool(3, 4);
  std::vector<int32_t> blocks{*pool.allocate(), *pool.allocate(), *pool.allocate()};
  std::sort(blocks.begin(), blocks.end());
  EXPECT_EQ(blocks, (std::vector<int32_t>{0, 1, 2}));
  EXPECT_EQ(pool.allocate(), std::nullopt);
  pool.release(1);
  EXPECT_EQ(pool.allocate(), 1);
}

TEST(BlockPool, AcquirePrefix_AfterRelease_FindsWholeBlocksOnly) {
  BlockPool pool(8, 4);
  const auto first = fill(pool, 0, count_from(10, 12));
  release_all(pool, first);
  EXPECT_EQ(pool.n_free(), 8);

  const auto again = pool.acquire_prefix(0, count_from(10, 11));
  EXPECT_EQ(again, std::vector<int32_t>(first.begin(), first.begin() + 2));
  EXPECT_EQ(pool.n_free(), 6);
  release_all(pool, again);
}

TEST(BlockPool, AcquirePrefix_SameTokensElsewhere_AreAnotherPrefix) {
  BlockPool pool(8, 2);
  const auto held = fill(pool, 0, {1, 2, 3, 4});
  EXPECT_TRUE(pool.acquire_prefix(0, Tokens{3, 4}).empty());
  EXPECT_TRUE(pool.acquire_prefix(0, Tokens{2, 2, 3, 4}).empty());
  EXPECT_TRUE(pool.acquire_prefix(7, Tokens{1, 2, 3, 4}).empty()) << "another tenant";
  release_all(pool, held);
}

TEST(BlockPool, AcquirePrefix_ParentReusedForOtherTokens_IsNotFound) {
  BlockPool pool(2, 2);
  release_all(pool, fill(pool, 0, {1, 2, 3, 4}));
  // The tail goes first, then the beginning of the prefix: the least recently released.
  const auto other = fill(pool, 0, {9, 9, 9, 9});
  release_all(pool, other);
  EXPECT_TRUE(pool.acquire_prefix(0, Tokens{1, 2, 3, 4}).empty());
}

TEST(BlockPool, Allocate_WithCachedBlocks_TakesTheOldestLast) {
  BlockPool pool(3, 2);
  release_all(pool, fill(pool, 0, {1, 2}));
  release_all(pool, fill(pool, 0, {3, 4}));
  pool.release(*pool.allocate());  // never cached: it goes first, again and again
  EXPECT_EQ(pool.acquire_prefix(0, Tokens{1, 2}).size(), 1U);
  EXPECT_EQ(pool.acquire_prefix(0, Tokens{3, 4}).size(), 1U);
}

// Random requests against the plainest model of what a pool must do: blocks in use are never handed out.
TEST(BlockPool, RandomUse_Always_KeepsItsInvariants) {
  std::mt19937 random(7);
  BlockPool pool(24, 2);
  std::vector<std::vector<int32_t>> sequences;
  for (int round = 0; round < 20000; ++round) {
    if (random() % 2 == 0 && pool.n_free() >= 6) {
      Tokens tokens;
      for (int i = 0; i < 12; ++i) tokens.push_back(static_cast<text::TokenId>(random() % 2));
      sequences.push_back(fill(pool, random() % 2, tokens));
    } else if (!sequences.empty()) {
      std::swap(sequences[random() % sequences.size()], sequences.back());
      release_all(pool, sequences.back());
      sequences.pop_back();
    }
    std::vector<int32_t> in_use;
    for (const auto& s : sequences) in_use.insert(in_use.end(), s.begin(), s.end());
    std::sort(in_use.begin(), in_use.end());
    in_use.erase(std::unique(in_use.begin(), in_use.end()), in_use.end());
    ASSERT_EQ(static_cast<int64_t>(in_use.size()) + pool.n_free(), pool.n_blocks());
  }
}

}  // namespace
}  // namespace hearth::engine
