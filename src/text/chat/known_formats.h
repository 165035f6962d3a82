// The chat formats of families whose models are also passed around without their template.
#pragma once

#include <optional>
#include <string_view>

#include "text/tokenizer/tokenizer.h"

namespace hearth::text {

struct KnownFormat {
  std::string_view name;    // "ChatML"
  std::string_view source;  // as a chat template, written for Hearth from the families' documentation
};

// The format that the vocabulary was made for: it has the control tokens that mark the turns. Nothing for
// vocabularies without such tokens, whose models cannot be told apart.
std::optional<KnownFormat> find_known_format(const Tokenizer& tokenizer);

}  // namespace hearth::text
