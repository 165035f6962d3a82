// Tokens arranged by their bytes, so that what an automaton thinks of a beginning is asked once for all
// tokens that begin so.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "text/tokenizer/tokenizer.h"

namespace hearth::text::grammar {

// Immutable, so thread-safe.
class TokenTrie {
 public:
  // A byte after those of its ancestors. Nodes stand in preorder.
  struct Node {
    uint32_t first_token;  // in tokens(): those that end here, up to the next node's
    uint32_t end;          // the first node that is not below this one
    uint16_t depth;        // bytes, this one included
    uint8_t byte;
  };

  TokenTrie() : nodes_{{0, 0, 0, 0}} {}
  // No bytes may be empty.
  explicit TokenTrie(std::vector<std::pair<std::string_view, TokenId>> tokens);

  // And one more behind the last, whose first_token is the number of tokens.
  std::span<const Node> nodes() const noexcept { return nodes_; }
  size_t n_nodes() const noexcept { return nodes_.size() - 1; }
  std::span<const TokenId> tokens() const noexcept { return tokens_; }
  size_t max_depth() const noexcept { return max_depth_; }

 private:
  std::vector<Node> nodes_;
  std::vector<TokenId> tokens_;
  size_t max_depth_ = 0;
};

}  // namespace hearth::text::grammar
