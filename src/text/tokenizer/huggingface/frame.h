// "post_processor" of tokenizer.json, as far as it decides about ids: the tokens that stand before and behind
// a text.
#pragma once

#include <vector>

#include "base/result.h"
#include "text/tokenizer/huggingface/json_place.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::text {

struct Frame {
  std::vector<TokenId> before;
  std::vector<TokenId> behind;
};

// kUnsupported for a type that Hearth does not know; kMalformed for an id that is not below `n_tokens`.
Result<Frame> read_frame(const JsonPlace& place, size_t n_tokens);

}  // namespace hearth::text
