// Which tokens a text begins with: a trie over their bytes.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "text/tokenizer/symbol_table.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::text {

// Immutable once made, so thread-safe.
class TokenTrie {
 public:
  // `ids`: tokens of `symbols`; empty ones, and later ones with the bytes of another, are never found.
  TokenTrie(const SymbolTable& symbols, std::vector<TokenId> ids);

  // Calls each(id, length in bytes) for the tokens that `text` begins with, the shortest first.
  template <typename Each>
  void for_each_prefix(std::string_view text, const Each& each) const {
    uint32_t node = 0;
    for (size_t at = 0; at < text.size(); ++at) {
      node = child(node, static_cast<unsigned char>(text[at]));
      if (node == 0) return;
      if (nodes_[node].token >= 0) each(nodes_[node].token, at + 1);
    }
  }

 private:
  struct Node {
    uint32_t first_child = 0;
    uint16_t n_children = 0;
    unsigned char byte = 0;
    TokenId token = -1;
  };
  // 0, the root, where there is none.
  uint32_t child(uint32_t node, unsigned char byte) const noexcept;

  std::vector<Node> nodes_;      // the children of a node stand together, in the order of their bytes
  std::vector<uint32_t> roots_;  // by byte: the children of the root, which are asked for most
};

}  // namespace hearth::text
