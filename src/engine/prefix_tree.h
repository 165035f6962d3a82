// The beginnings of sequences that were evaluated, cut into blocks: a tree in which a node is a block's
// tokens after those of its parent, for one tenant, and knows in which block of each group it is cached.
//
// A prefix is found only along its exact chain. Tokens and tenants are compared in full, so that no collision
// of hashes can show one request another's cache. A node lives as long as something uses it: a child, a block
// that is cached there, or who holds it. So the chain to a block that is still cached stays known where
// blocks before it are not cached any more.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/tokenizer/tokenizer.h"

namespace hearth::engine {

class PrefixTree {
 public:
  class Node;

  explicit PrefixTree(size_t n_groups) : n_groups_(n_groups) {}

  // The node of `tokens` after `parent` (null: at the start of a sequence); null where there is none.
  Node* find(std::string_view tenant, const Node* parent, std::span<const text::TokenId> tokens);
  // The same, made where there is none. Held once more in any case.
  Node* find_or_add(std::string_view tenant, Node* parent, std::span<const text::TokenId> tokens);

  void hold(Node& node);
  // Forgets the node, and those before it, if nothing else uses them.
  void release(Node& node);

  // The block of a group that holds the node's tokens, or tensor::kNoBlock.
  static int32_t block(const Node& node, size_t group);
  // A block is cached at a node that has none of the group, or no more.
  void set_block(Node& node, size_t group, int32_t block);
  void clear_block(Node& node, size_t group);

  size_t n_nodes() const noexcept { return nodes_.size(); }

 private:
  // Ids are never used twice, so that a child cannot be found after another parent than its own.
  struct Key {
    std::string tenant;  // of a node without parent; the others' is that of the first of their chain
    uint64_t parent_id;  // 0: none
    std::vector<text::TokenId> tokens;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    size_t operator()(const Key& key) const noexcept;
  };
  static Key key_of(std::string_view tenant, const Node* parent, std::span<const text::TokenId> tokens);

  const size_t n_groups_;
  uint64_t next_id_ = 1;
  std::unordered_map<Key, Node, KeyHash> nodes_;
};

class PrefixTree::Node {
 private:
  friend class PrefixTree;
  uint64_t id_ = 0;
  const Key* key_ = nullptr;
  Node* parent_ = nullptr;
  int64_t n_uses_ = 0;           // children, cached blocks, holders
  std::vector<int32_t> blocks_;  // of each group, or kNoBlock
};

}  // namespace hearth::engine
