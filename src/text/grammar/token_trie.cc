#include "text/grammar/token_trie.h"

#include <algorithm>

namespace hearth::text::grammar {

TokenTrie::TokenTrie(std::vector<std::pair<std::string_view, TokenId>> tokens) {
  std::sort(tokens.begin(), tokens.end());
  std::vector<size_t> path;  // nodes whose bytes the last token begins with
  std::string_view last;
  const auto leave_to = [&](size_t depth) {
    for (; path.size() > depth; path.pop_back())
      nodes_[path.back()].end = static_cast<uint32_t>(nodes_.size());
  };
  for (const auto& [bytes, token] : tokens) {
    const auto common = static_cast<size_t>(
        std::mismatch(last.begin(), last.end(), bytes.begin(), bytes.end()).first - last.begin());
    leave_to(common);
    for (size_t i = common; i < bytes.size(); ++i) {
      path.push_back(nodes_.size());
      nodes_.push_back({.first_token = static_cast<uint32_t>(tokens_.size()),
                        .end = 0,
                        .depth = static_cast<uint16_t>(i + 1),
                        .byte = static_cast<uint8_t>(bytes[i])});
    }
    tokens_.push_back(token);
    max_depth_ = std::max(max_depth_, bytes.size());
    last = bytes;
  }
  leave_to(0);
  nodes_.push_back({.first_token = static_cast<uint32_t>(tokens_.size()), .end = 0, .depth = 0, .byte = 0});
}

}  // namespace hearth::text::grammar
