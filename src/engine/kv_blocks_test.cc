#include "engine/kv_blocks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <random>

#include "tensor/backend.h"

namespace hearth::engine {
namespace {

using models::KvGroup;
using Tokens = std::vector<text::TokenId>;
constexpr int32_t kGone = tensor::kNoBlock;

Tokens count_from(text::TokenId first, int64_t n) {
  Tokens tokens(static_cast<size_t>(n));
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

// What a sequence holds while it runs.
struct Held {
  BlockTables tables;
  KvBlocks::Place end = nullptr;
};

// Called for each block of a group that is filled, with its place in the sequence.
using OnFilled = std::function<void(size_t group, size_t i, int32_t block)>;

// Evaluates `tokens` as a sequence does, step by step of `step` blocks, giving back what the windows pass.
Held fill(KvBlocks& blocks, std::string_view tenant, const Tokens& tokens, int64_t step = 1,
          const OnFilled& on_filled = {}) {
  KvBlocks::Prefix prefix = blocks.acquire_prefix(tenant, tokens);
  Held held{std::move(prefix.tables), prefix.end};
  const int64_t n_blocks = static_cast<int64_t>(tokens.size()) / blocks.block_tokens();
  for (int64_t first = prefix.n_blocks; first < n_blocks; first += step) {
    const int64_t last = std::min(first + step, n_blocks);
    for (std::vector<int32_t>& table : held.tables) {
      const auto group = static_cast<size_t>(&table - held.tables.data());
      while (static_cast<int64_t>(table.size()) < last) {
        table.push_back(blocks.allocate(group).value());
        if (on_filled) on_filled(group, table.size() - 1, table.back());
      }
    }
    for (int64_t i = first; i < last; ++i) {
      std::vector<int32_t> of_groups;
      for (const std::vector<int32_t>& table : held.tables)
        of_groups.push_back(table[static_cast<size_t>(i)]);
      const auto at = std::span(tokens).subspan(static_cast<size_t>(i * blocks.block_tokens()),
                                                static_cast<size_t>(blocks.block_tokens()));
      const KvBlocks::Place end = blocks.publish(tenant, held.end, of_groups, at);
      blocks.leave(std::exchange(held.end, end));
    }
    for (size_t group = 0; group < held.tables.size(); ++group) {
      const int64_t visible = blocks.first_visible_block(group, last * blocks.block_tokens());
      for (int64_t i = 0; i < visible; ++i) {
        int32_t& block = held.tables[group][static_cast<size_t>(i)];
        if (block != kGone) blocks.release(group, std::exchange(block, kGone));
      }
    }
  }
  return held;
}

void release_all(KvBlocks& blocks, const Held& held) {
  for (size_t group = 0; group < held.tables.size(); ++group) {
    for (auto b = held.tables[group].rbegin(); b != held.tables[group].rend(); ++b) {
      if (*b != kGone) blocks.release(group, *b);
    }
  }
  blocks.leave(held.end);
}

KvBlocks without_window(int64_t n_blocks, int64_t block_tokens) {
  return {std::vector<KvGroup>{{0, n_blocks}}, block_tokens};
}

int64_t n_cached(KvBlocks& blocks, std::string_view tenant, const Tokens& tokens) {
  const KvBlocks::Prefix prefix = blocks.acquire_prefix(tenant, tokens);
  release_all(blocks, {prefix.tables, prefix.end});
  return prefix.n_blocks;
}

TEST(KvBlocks, AcquirePrefix_AfterRelease_FindsWholeBlocksOnly) {
  KvBlocks blocks = without_window(8, 4);
  const Held first = fill(blocks, "", count_from(10, 12));
  release_all(blocks, first);
  EXPECT_EQ(blocks.n_free(0), 8);

  const auto again = blocks.acquire_prefix("", count_from(10, 11));
  EXPECT_EQ(again.n_blocks, 2);
  const std::vector<int32_t>& table = first.tables[0];
  EXPECT_EQ(again.tables[0], std::vector<int32_t>(table.begin(), table.begin() + 2));
  EXPECT_EQ(blocks.n_free(0), 6);
  release_all(blocks, {again.tables, again.end});
  EXPECT_EQ(blocks.n_free(0), 8);
}

TEST(KvBlocks, AcquirePrefix_SameTokensElsewhere_AreAnotherPrefix) {
  KvBlocks blocks = without_window(8, 2);
  const Held held = fill(blocks, "", {1, 2, 3, 4});
  EXPECT_EQ(n_cached(blocks, "", {1, 2, 3, 4}), 2);
  EXPECT_EQ(n_cached(blocks, "", {3, 4}), 0);
  EXPECT_EQ(n_cached(blocks, "", {2, 2, 3, 4}), 0);
  EXPECT_EQ(n_cached(blocks, "another", {1, 2, 3, 4}), 0) << "another tenant";
  release_all(blocks, held);
}

TEST(KvBlocks, AcquirePrefix_BlocksReusedForOtherTokens_IsNotFound) {
  KvBlocks blocks = without_window(2, 2);
  release_all(blocks, fill(blocks, "", {1, 2, 3, 4}));
  // The tail goes first, then the beginning of the prefix: the least recently released.
  release_all(blocks, fill(blocks, "", {9, 9}));
  EXPECT_EQ(n_cached(blocks, "", {1, 2, 3, 4}), 1);
  release_all(blocks, fill(blocks, "", {9, 9, 9, 9}));
  EXPECT_EQ(n_cached(blocks, "", {1, 2, 3, 4}), 0);
}

TEST(KvBlocks, Publish_OfWhatIsPublishedAlready_KeepsTheFirst) {
  KvBlocks blocks = without_window(4, 2);
  const Held first = fill(blocks, "", {1, 2});
  Held second{{{*blocks.allocate(0)}}};
  second.end = blocks.publish("", nullptr, second.tables[0], Tokens{1, 2});
  EXPECT_EQ(second.end, first.end);
  release_all(blocks, second);
  release_all(blocks, first);
  EXPECT_EQ(blocks.acquire_prefix("", Tokens{1, 2}).tables, first.tables);
}

// Blocks of 4 tokens, a window of 6: behind n blocks the last two of them are seen.
TEST(KvBlocks, Windows_GiveBackWhatTheyPass) {
  KvBlocks blocks(std::vector<KvGroup>{{0, 10}, {6, 4}}, 4);
  EXPECT_EQ(blocks.first_visible_block(0, 1000), 0);
  EXPECT_EQ(blocks.first_visible_block(1, 5), 0);
  EXPECT_EQ(blocks.first_visible_block(1, 8), 0) << "position 3 is seen";
  EXPECT_EQ(blocks.first_visible_block(1, 9), 1) << "position 3 is not seen any more";
  const Held held = fill(blocks, "", count_from(0, 40));
  EXPECT_EQ(blocks.n_free(0), 0);
  EXPECT_EQ(blocks.n_free(1), 2);
  const std::vector<int32_t>& table = held.tables[1];
  EXPECT_EQ(std::count(table.begin(), table.end(), kGone), 8);
  EXPECT_NE(table[8], kGone);
  release_all(blocks, held);
  EXPECT_EQ(blocks.n_free(0), 10);
  EXPECT_EQ(blocks.n_free(1), 4);
}

TEST(KvBlocks, AcquirePrefix_WithWindow_EndsWhereTheWindowsBlocksAre) {
  KvBlocks blocks(std::vector<KvGroup>{{0, 20}, {6, 4}}, 4);
  const Tokens tokens = count_from(0, 40);
  release_all(blocks, fill(blocks, "", tokens));
  // The pool of four holds the blocks 6 to 9 of the chain. Behind block n the blocks n - 2 and n - 1 are
  // seen.
  EXPECT_EQ(n_cached(blocks, "", tokens), 10);
  const auto at = [&](int64_t n_blocks) { return Tokens(tokens.begin(), tokens.begin() + n_blocks * 4); };
  EXPECT_EQ(n_cached(blocks, "", at(9)), 9);
  EXPECT_EQ(n_cached(blocks, "", at(8)), 8);
  EXPECT_EQ(n_cached(blocks, "", at(7)), 0) << "block 5 is gone";

  const auto prefix = blocks.acquire_prefix("", at(9));
  EXPECT_EQ(std::count(prefix.tables[1].begin(), prefix.tables[1].end(), kGone), 7);
  EXPECT_EQ(std::count(prefix.tables[0].begin(), prefix.tables[0].end(), kGone), 0);
  EXPECT_EQ(blocks.n_free(1), 2);
  release_all(blocks, {prefix.tables, prefix.end});
}

TEST(KvBlocks, AcquirePrefix_WindowEvaluatedAgain_IsLinkedToTheOldChain) {
  KvBlocks blocks(std::vector<KvGroup>{{0, 20}, {6, 4}}, 4);
  const Tokens tokens = count_from(0, 40);
  release_all(blocks, fill(blocks, "", tokens));
  const Tokens beginning(tokens.begin(), tokens.begin() + 16);
  release_all(blocks, fill(blocks, "", beginning));  // its windowed blocks were gone
  EXPECT_EQ(n_cached(blocks, "", tokens), 4) << "now these are cached and the later ones are not";
}

TEST(KvBlocks, AcquirePrefix_OnlyWindows_NeedsNoBlockBeforeThem) {
  KvBlocks blocks(std::vector<KvGroup>{{6, 3}}, 4);
  const Tokens tokens = count_from(0, 40);
  release_all(blocks, fill(blocks, "", tokens));
  EXPECT_EQ(n_cached(blocks, "", tokens), 10);
}

// Random requests against the plainest model of what a cache must do: blocks in use are never handed out, and
// those that are found hold the tokens that were asked for.
TEST(KvBlocks, RandomUse_Always_KeepsItsInvariants) {
  std::mt19937 random(7);
  const std::vector<KvGroup> groups{{0, 40}, {3, 30}, {7, 34}};
  KvBlocks blocks(groups, 2);
  // What each block of each group was last filled with: all tokens up to its end, and the tenant.
  std::vector<std::vector<std::pair<std::string, Tokens>>> contents;
  for (const KvGroup& group : groups) contents.emplace_back(static_cast<size_t>(group.n_blocks));
  std::vector<Held> sequences;
  int64_t n_hits = 0;
  for (int round = 0; round < 20000; ++round) {
    if (random() % 2 == 0 && sequences.size() < 4) {
      Tokens tokens;
      const size_t n = 2 * (1 + random() % 9);
      for (size_t i = 0; i < n; ++i) tokens.push_back(static_cast<text::TokenId>(random() % 2));
      const std::string tenant = random() % 2 == 0 ? "one" : "two";
      const auto content = [&](size_t i) {
        const auto end = tokens.begin() + static_cast<std::ptrdiff_t>(2 * (i + 1));
        return std::pair<std::string, Tokens>{tenant, {tokens.begin(), end}};
      };
      const auto prefix = blocks.acquire_prefix(tenant, tokens);
      n_hits += prefix.n_blocks > 0 ? 1 : 0;
      for (size_t group = 0; group < groups.size(); ++group) {
        for (size_t i = 0; i < prefix.tables[group].size(); ++i) {
          const int32_t block = prefix.tables[group][i];
          if (block == kGone) continue;
          ASSERT_EQ(contents[group][static_cast<size_t>(block)], content(i));
        }
      }
      release_all(blocks, {prefix.tables, prefix.end});
      sequences.push_back(fill(blocks, tenant, tokens, 1 + static_cast<int64_t>(random() % 4),
                               [&](size_t group, size_t i, int32_t block) {
                                 contents[group][static_cast<size_t>(block)] = content(i);
                               }));
    } else if (!sequences.empty()) {
      std::swap(sequences[random() % sequences.size()], sequences.back());
      release_all(blocks, sequences.back());
      sequences.pop_back();
    }
    for (size_t group = 0; group < groups.size(); ++group) {
      std::vector<int32_t> in_use;
      for (const Held& s : sequences) {
        std::copy_if(s.tables[group].begin(), s.tables[group].end(), std::back_inserter(in_use),
                     [](int32_t block) { return block != kGone; });
      }
      std::sort(in_use.begin(), in_use.end());
      in_use.erase(std::unique(in_use.begin(), in_use.end()), in_use.end());
      ASSERT_EQ(static_cast<int64_t>(in_use.size()) + blocks.n_free(group), blocks.n_blocks(group));
    }
  }
  EXPECT_GT(n_hits, 100);
}

}  // namespace
}  // namespace hearth::engine
