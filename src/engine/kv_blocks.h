// The KV cache as the engine sees it: for each group of layers a pool of blocks, and the cache of prefixes
// that sequences share.
//
// A sequence has a table of blocks for each group. Of a group with a window it gives back the blocks that the
// window has passed; they stay findable until the pool needs them. A prefix is cached as far as there is a
// place where every group still has what the tokens behind it will see: groups without a window all of its
// blocks, groups with one those that the window reaches.
//
// Only full blocks are published, and a published block is never written again: sharing needs no copy. Not
// thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/block_pool.h"
#include "engine/prefix_tree.h"
#include "models/kv_cache.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::engine {

// Blocks of each group, in the order of a sequence's tokens; kNoBlock for those that were given back.
using BlockTables = std::vector<std::vector<int32_t>>;

class KvBlocks {
 public:
  using Place = PrefixTree::Node*;  // where a chain of published blocks ends; null: at the start

  KvBlocks(std::span<const models::KvGroup> groups, int64_t block_tokens);

  int64_t block_tokens() const noexcept { return block_tokens_; }
  size_t n_groups() const noexcept { return pools_.size(); }
  int64_t n_blocks(size_t group) const noexcept { return pools_[group].n_blocks(); }
  int64_t n_free(size_t group) const noexcept { return pools_[group].n_free(); }
  int64_t window(size_t group) const noexcept { return windows_[group]; }  // 0: none

  // The first block of a group that positions from `position` on may see.
  int64_t first_visible_block(size_t group, int64_t position) const noexcept;

  // A free block, now held once, or nothing where none is left. Forgets what it was cached for.
  std::optional<int32_t> allocate(size_t group);
  void release(size_t group, int32_t block);

  struct Prefix {
    int64_t n_blocks = 0;
    Place end = nullptr;  // to be left
    BlockTables tables;   // of n_blocks each; what is there is held
  };
  // The longest published prefix of `tokens` behind which a sequence can be taken up.
  Prefix acquire_prefix(std::string_view tenant, std::span<const text::TokenId> tokens);

  // Declares that the blocks, one of each group, hold exactly `tokens` (block_tokens of them), after those of
  // `parent`. Where the same prefix is published already, that remains. All blocks are held. Returns the new
  // end of the chain, to be left.
  Place publish(std::string_view tenant, Place parent, std::span<const int32_t> blocks,
                std::span<const text::TokenId> tokens);
  void leave(Place place);

 private:
  int64_t usable_prefix(std::span<const Place> chain) const;

  const int64_t block_tokens_;
  std::vector<int64_t> windows_;
  std::vector<BlockPool> pools_;
  PrefixTree tree_;
};

}  // namespace hearth::engine
