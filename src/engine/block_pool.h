// The blocks of one group of layers: who holds them, and in which order they are used again.
//
// Invariants:
//  1. A block is free (no reference) or held; it is handed out only when free.
//  2. A block that holds a part of a prefix stays findable after its last release until it is handed out for
//     something else; the one released longest ago goes first, after all that hold nothing to be found.
//
// No tensors here: a block is an index into the group's layers of models::KvCache. Not thread-safe.
// Source: arXiv:2309.06180 section 4.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <vector>

#include "engine/prefix_tree.h"

namespace hearth::engine {

class BlockPool {
 public:
  explicit BlockPool(int64_t n_blocks);

  int64_t n_free() const noexcept { return static_cast<int64_t>(free_.size()); }
  int64_t n_blocks() const noexcept { return static_cast<int64_t>(blocks_.size()); }

  struct Allocation {
    int32_t block;
    PrefixTree::Node* forgotten;  // where it could be found until now; null: nowhere
  };
  // A free block, now held once, or nothing where none is left.
  std::optional<Allocation> allocate();
  // Holds a block that can be found once more.
  void hold(int32_t block);
  void release(int32_t block);

  // Says that a held block, which could not be found so far, can be found at `place`.
  void set_findable(int32_t block, PrefixTree::Node* place);

 private:
  struct Block {
    int64_t references = 0;
    PrefixTree::Node* place = nullptr;        // where it can be found
    std::list<int32_t>::iterator free_place;  // valid while free
  };

  std::vector<Block> blocks_;
  std::list<int32_t> free_;  // the first is handed out next
};

}  // namespace hearth::engine
