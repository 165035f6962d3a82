// The tokens that stand for themselves in a text, whatever merges would make of their characters.
#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "text/tokenizer/symbol_table.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::text {

// Finds the leftmost special token in a text, of several that begin there the longest. Built once, then read
// by any number of threads.
class SpecialTokens {
 public:
  struct Match {
    size_t begin;
    size_t length;
    TokenId id;
  };

  // `ids`: tokens of `symbols`, whose bytes are looked for; empty ones never match.
  SpecialTokens(const SymbolTable& symbols, std::vector<TokenId> ids);
  SpecialTokens() = default;

  // `symbols` as at construction.
  std::optional<Match> find(const SymbolTable& symbols, std::string_view text, size_t from) const noexcept;

 private:
  std::optional<Match> match_at(const SymbolTable& symbols, std::string_view text, size_t at) const noexcept;

  std::vector<TokenId> sorted_;  // by their bytes
  std::array<bool, 256> begins_token_{};
};

// Whether `text` is one of the markers by which models end an answer or hand over to a tool. GGUF files name
// at most two of them (EOS, EOT); a model may have been trained to use several.
bool is_end_marker(std::string_view text) noexcept;

}  // namespace hearth::text
