// "decoder" of tokenizer.json: what a token adds to the text. The format's decoders work on the list of all
// tokens; what they do to one, given that others stand before it, is known beforehand, and so is what they do
// to the beginning of a text.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "text/tokenizer/huggingface/json_place.h"

namespace hearth::text {

class TokenDecoder {
 public:
  // Of a tokenizer.json without a decoder: tokens with spaces between them.
  static TokenDecoder separate_by_spaces();
  // kUnsupported for a type that Hearth does not know, or one that looks at several tokens at a time.
  static Result<TokenDecoder> read(const JsonPlace& place);

  std::string decode(std::string_view token) const;
  // Whether the first token of a text loses a leading space.
  bool drops_first_space() const noexcept { return drops_first_space_; }

 private:
  using Step = std::function<std::string(const std::string& token)>;
  Result<void> add(const JsonPlace& place, int depth);
  Result<void> add_strip(const JsonPlace& place);
  Result<void> add_replace(const JsonPlace& place);
  Result<void> add_metaspace(const JsonPlace& place);
  Result<void> add_wordpiece(const JsonPlace& place);

  std::vector<Step> steps_;
  bool drops_first_space_ = false;
  bool is_fused_ = false;
};

}  // namespace hearth::text
