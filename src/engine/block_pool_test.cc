#include "engine/block_pool.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace hearth::engine {
namespace {

TEST(BlockPool, Allocate_UntilEmpty_GivesEachBlockOnce) {
  BlockPool pool(3);
  std::vector<int32_t> blocks;
  for (int i = 0; i < 3; ++i) {
    const auto allocation = pool.allocate();
    ASSERT_TRUE(allocation);
    EXPECT_EQ(allocation->forgotten, nullptr);
    blocks.push_back(allocation->block);
  }
  std::sort(blocks.begin(), blocks.end());
  EXPECT_EQ(blocks, (std::vector<int32_t>{0, 1, 2}));
  EXPECT_FALSE(pool.allocate());
  pool.release(1);
  EXPECT_EQ(pool.allocate()->block, 1);
}

TEST(BlockPool, Allocate_WithFindableBlocks_TakesTheLongestReleasedLast) {
  PrefixTree tree(1);
  BlockPool pool(3);
  const int32_t first = pool.allocate()->block;
  const int32_t second = pool.allocate()->block;
  const int32_t nowhere = pool.allocate()->block;
  PrefixTree::Node* at_first = tree.find_or_add("", nullptr, std::vector<text::TokenId>{1});
  PrefixTree::Node* at_second = tree.find_or_add("", nullptr, std::vector<text::TokenId>{2});
  pool.set_findable(first, at_first);
  pool.set_findable(second, at_second);
  for (const int32_t block : {second, first, nowhere}) pool.release(block);

  EXPECT_EQ(pool.allocate()->block, nowhere);
  const auto forgotten = pool.allocate();
  EXPECT_EQ(forgotten->block, second);
  EXPECT_EQ(forgotten->forgotten, at_second);
  pool.hold(first);
  EXPECT_EQ(pool.n_free(), 0);
  pool.release(first);
  EXPECT_EQ(pool.allocate()->forgotten, at_first);
}

TEST(BlockPool, Release_OfABlockHeldTwice_FreesItTheSecondTime) {
  PrefixTree tree(1);
  BlockPool pool(1);
  const int32_t block = pool.allocate()->block;
  pool.set_findable(block, tree.find_or_add("", nullptr, std::vector<text::TokenId>{1}));
  pool.hold(block);
  pool.release(block);
  EXPECT_EQ(pool.n_free(), 0);
  pool.release(block);
  EXPECT_EQ(pool.n_free(), 1);
}

}  // namespace
}  // namespace hearth::engine
