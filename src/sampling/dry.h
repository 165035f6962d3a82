// DRY ("don't repeat yourself"): a token that would go on with a passage that stands in the text already is
// punished, the more the longer the passage is. Source: text-generation-webui, pull request 5677.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sampling/candidates.h"
#include "sampling/options.h"

namespace hearth::sampling {

// The bytes that a token adds to the text, valid at least until the next call.
using TokenText = std::function<std::string_view(int32_t token)>;

// multiplier * base^(length - allowed_length) is taken off the logit of a token that would make a repetition
// of `length` tokens one longer. A repetition does not reach back across a token in which a sequence breaker
// ends.
class Dry {
 public:
  // Without `token_text` there are no breakers.
  Dry(const SamplingOptions& options, TokenText token_text);
  void accept(int32_t token);
  // O(tokens looked back on), whatever they are.
  void apply(Candidates& candidates);

 private:
  bool ends_breaker(std::string_view added);
  void find_repetitions(size_t most);

  bool off_;
  double multiplier_, base_;
  unsigned allowed_length_;
  int32_t look_back_;
  std::vector<std::string> breakers_;
  size_t longest_breaker_ = 0;
  TokenText token_text_;
  std::string tail_;               // the last bytes of the text, in which a breaker may have begun
  std::vector<int32_t> tokens_;    // all of them, oldest first
  size_t n_unbroken_ = 0;          // the last of them that stand behind the last breaker
  std::vector<uint32_t> lengths_;  // scratch: of the repetition that ends with the i-th last token
  std::unordered_map<int32_t, uint32_t> repetitions_;  // the longest that a token would go on with
};

}  // namespace hearth::sampling
