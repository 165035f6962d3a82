// "normalizer" of tokenizer.json: what happens to a text before it is cut into words.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/tokenizer/huggingface/json_place.h"

namespace hearth::text {

// Immutable once read, so thread-safe.
class Normalizer {
 public:
  // Leaves texts as they are.
  Normalizer() = default;
  // kUnsupported for a type that Hearth does not know.
  static Result<Normalizer> read(const JsonPlace& place);

  // Bytes that are no UTF-8 pass, or go where the normalizer drops what cannot be shown.
  std::string apply(std::string_view text) const;
  bool is_identity() const noexcept { return steps_.empty(); }
  // Whether what it gives is written in the byte alphabet.
  bool gives_byte_alphabet() const noexcept { return gives_byte_alphabet_; }

 private:
  using Step = std::function<std::string(const std::string& text)>;
  Result<void> add(const JsonPlace& place, int depth);
  Result<void> add_replace(const JsonPlace& place);
  Result<void> add_precompiled(const JsonPlace& place);
  Result<void> add_bert(const JsonPlace& place);

  std::vector<Step> steps_;
  bool gives_byte_alphabet_ = false;
};

}  // namespace hearth::text
