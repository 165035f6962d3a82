#include "engine/prefix_tree.h"

#include "base/check.h"
#include "tensor/backend.h"

namespace hearth::engine {

namespace {

// A step of the 64-bit variant of boost's hash_combine.
void combine(size_t& hash, uint64_t value) noexcept {
  hash ^= value + 0x9E3779B97F4A7C15ULL + (hash << 12) + (hash >> 4);
}

}  // namespace

size_t PrefixTree::KeyHash::operator()(const Key& key) const noexcept {
  size_t hash = std::hash<std::string>{}(key.tenant);
  combine(hash, key.parent_id);
  for (const text::TokenId token : key.tokens) combine(hash, static_cast<uint64_t>(token));
  return hash;
}

PrefixTree::Key PrefixTree::key_of(std::string_view tenant, const Node* parent,
                                   std::span<const text::TokenId> tokens) {
  const std::string_view of_chain = parent == nullptr ? tenant : std::string_view();
  return {std::string(of_chain), parent == nullptr ? 0 : parent->id_, {tokens.begin(), tokens.end()}};
}

PrefixTree::Node* PrefixTree::find(std::string_view tenant, const Node* parent,
                                   std::span<const text::TokenId> tokens) {
  const auto found = nodes_.find(key_of(tenant, parent, tokens));
  return found == nodes_.end() ? nullptr : &found->second;
}

PrefixTree::Node* PrefixTree::find_or_add(std::string_view tenant, Node* parent,
                                          std::span<const text::TokenId> tokens) {
  const auto [place, inserted] = nodes_.try_emplace(key_of(tenant, parent, tokens));
  Node& node = place->second;
  if (inserted) {
    node.id_ = next_id_++;
    node.key_ = &place->first;
    node.parent_ = parent;
    node.blocks_.assign(n_groups_, tensor::kNoBlock);
    if (parent != nullptr) hold(*parent);
  }
  hold(node);
  return &node;
}

void PrefixTree::hold(Node& node) {
  ++node.n_uses_;
}

void PrefixTree::release(Node& released) {
  Node* node = &released;
  while (node != nullptr) {
    HEARTH_CHECK(node->n_uses_ > 0);
    if (--node->n_uses_ > 0) return;
    Node* parent = node->parent_;
    nodes_.erase(nodes_.find(*node->key_));
    node = parent;
  }
}

int32_t PrefixTree::block(const Node& node, size_t group) {
  return node.blocks_[group];
}

void PrefixTree::set_block(Node& node, size_t group, int32_t block) {
  HEARTH_CHECK(node.blocks_[group] == tensor::kNoBlock && block != tensor::kNoBlock);
  node.blocks_[group] = block;
  hold(node);
}

void PrefixTree::clear_block(Node& node, size_t group) {
  HEARTH_CHECK(node.blocks_[group] != tensor::kNoBlock);
  node.blocks_[group] = tensor::kNoBlock;
  release(node);
}

}  // namespace hearth::engine
