// Which KV block belongs to whom: reference counts, and a cache of prefixes that sequences share.
//
// Invariants:
//  1. A block is free (no reference) or held; it is handed out only when free.
//  2. Only full blocks are published as parts of a prefix, and a published block is never written again:
//  sharing needs
//     no copy.
//  3. A published block stays findable after its last release until it is handed out for something else; the
//  one
//     released longest ago goes first.
//  4. A prefix is found only along its exact chain: the tenant, then each block's own tokens. Equality is
//  compared in
//     full, so that no collision of hashes can show one request another's cache.
//
// No tensors here: a block is an index into models::KvCache. Not thread-safe. Source: arXiv:2309.06180
// section 4.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "text/tokenizer/tokenizer.h"

namespace hearth::engine {

class BlockPool {
 public:
  BlockPool(int64_t n_blocks, int64_t block_tokens);

  int64_t block_tokens() const noexcept { return block_tokens_; }
  int64_t n_free() const noexcept { return static_cast<int64_t>(free_.size()); }
  int64_t n_blocks() const noexcept { return static_cast<int64_t>(blocks_.size()); }

  // A free block, now held once, or nothing where none is left. Forgets what it was cached for.
  std::optional<int32_t> allocate();
  void release(int32_t block);

  // Holds the blocks of the longest published prefix of `tokens` and returns them in order.
  std::vector<int32_t> acquire_prefix(uint64_t tenant, std::span<const text::TokenId> tokens);

  // Declares that `block` holds exactly `tokens` (block_tokens of them), after the block `parent` (nothing:
  // at the start of a sequence). If the same prefix is published already, nothing happens. Both blocks are
  // held.
  void publish(uint64_t tenant, std::optional<int32_t> parent, int32_t block,
               std::span<const text::TokenId> tokens);

 private:
  // A place in the tree of prefixes: a block's tokens and what comes before them. The generation tells a
  // parent block from a later use of the same memory.
  struct Prefix {
    uint64_t tenant;
    int32_t parent;  // -1: none
    uint64_t parent_generation;
    std::vector<text::TokenId> tokens;
    bool operator==(const Prefix&) const = default;
  };
  struct PrefixHash {
    size_t operator()(const Prefix& prefix) const noexcept;
  };
  struct Block {
    int64_t references = 0;
    uint64_t generation = 0;  // grows each time the block is handed out
    std::optional<Prefix> published;
    std::list<int32_t>::iterator free_place;  // valid while free
  };

  Prefix prefix_of(uint64_t tenant, std::optional<int32_t> parent,
                   std::span<const text::TokenId> tokens) const;

  const int64_t block_tokens_;
  std::vector<Block> blocks_;
  std::list<int32_t> free_;  // the first is handed out next
  std::unordered_map<Prefix, int32_t, PrefixHash> by_prefix_;
};

}  // namespace hearth::engine
