// "added_tokens" of tokenizer.json: tokens that are cut out of a text before anything else happens to it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/tokenizer/huggingface/json_place.h"
#include "text/tokenizer/huggingface/normalizer.h"
#include "text/tokenizer/special_tokens.h"

namespace hearth::text {

struct AddedToken {
  TokenId id = 0;
  std::string content;
  bool single_word = false;  // only where no word character stands beside it
  bool lstrip = false;       // takes the white space before it with it
  bool rstrip = false;
  bool normalized = false;  // looked for in the normalised text
  bool special = false;     // structure, not text
};
// An array of them, each with its id.
Result<std::vector<AddedToken>> read_added_tokens(const JsonPlace& place);

// One search for added tokens: of those that are looked for in the text as it comes, or of those that are
// looked for in the normalised one. Immutable once made, so thread-safe.
class AddedTokenFinder {
 public:
  AddedTokenFinder() = default;
  // `normalizer` is applied to the contents that are looked for, where `normalized`.
  AddedTokenFinder(const std::vector<AddedToken>& tokens, bool normalized, const Normalizer& normalizer);

  // A piece of a text: a token, or text that is not empty and begins at `begin`.
  struct Part {
    std::optional<TokenId> token;
    size_t begin;
    std::string_view text;
  };
  // Special tokens are found only with `parse_special`, so that a text cannot forge them.
  std::vector<Part> cut(std::string_view text, bool parse_special) const;

 private:
  std::vector<AddedToken> tokens_;
  SymbolTable contents_;  // by place in tokens_
  SpecialTokens ordinary_;
  SpecialTokens all_;
};

}  // namespace hearth::text
