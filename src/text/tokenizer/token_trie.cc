#include "text/tokenizer/token_trie.h"

#include <algorithm>
#include <deque>

namespace hearth::text {

TokenTrie::TokenTrie(const SymbolTable& symbols, std::vector<TokenId> ids) : nodes_(1), roots_(256, 0) {
  std::erase_if(ids, [&](TokenId id) { return symbols.bytes(id).empty(); });
  std::stable_sort(ids.begin(), ids.end(),
                   [&](TokenId a, TokenId b) { return symbols.bytes(a) < symbols.bytes(b); });
  struct Range {  // the tokens below a node, all of which agree in `depth` bytes
    uint32_t node;
    size_t begin, end, depth;
  };
  std::deque<Range> open{{0, 0, ids.size(), 0}};
  while (!open.empty()) {
    Range range = open.front();
    open.pop_front();
    // Tokens that end here sort before those that go on.
    while (range.begin < range.end && symbols.bytes(ids[range.begin]).size() == range.depth) {
      Node& node = nodes_[range.node];
      if (node.token < 0) node.token = ids[range.begin];
      ++range.begin;
    }
    nodes_[range.node].first_child = static_cast<uint32_t>(nodes_.size());
    for (size_t at = range.begin; at < range.end;) {
      const char byte = symbols.bytes(ids[at])[range.depth];
      size_t end = at;
      while (end < range.end && symbols.bytes(ids[end])[range.depth] == byte) ++end;
      const auto made = static_cast<uint32_t>(nodes_.size());
      Node node;
      node.byte = static_cast<unsigned char>(byte);
      nodes_.push_back(node);
      ++nodes_[range.node].n_children;
      if (range.node == 0) roots_[node.byte] = made;
      open.push_back({made, at, end, range.depth + 1});
      at = end;
    }
  }
}

uint32_t TokenTrie::child(uint32_t node, unsigned char byte) const noexcept {
  if (node == 0) return roots_[byte];
  const auto begin = nodes_.begin() + nodes_[node].first_child;
  const auto end = begin + nodes_[node].n_children;
  const auto found =
      std::lower_bound(begin, end, byte, [](const Node& a, unsigned char b) { return a.byte < b; });
  return found == end || found->byte != byte ? 0 : static_cast<uint32_t>(found - nodes_.begin());
}

}  // namespace hearth::text
