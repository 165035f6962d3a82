// What a recipe names, read: tokenizer, chat format and texts.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "formats/gguf/gguf.h"
#include "text/chat/chat_format.h"
#include "train/checkpoint.h"
#include "train/data/texts.h"
#include "train/recipe.h"

namespace hearth::train {

struct RecipeInputs {
  gguf::File tokenizer_file;
  std::unique_ptr<const text::Tokenizer> tokenizer;
  std::string chat_template;  // of the recipe's own file, where it names one
  Corpora corpora;

  RunIdentity identity(const Recipe& recipe) const;
};

// Sets the size of the recipe's vocabulary. Errors name the file: its reader's, and read_corpora()'s.
Result<RecipeInputs> read_inputs(Recipe& recipe, const OnTokens& on_tokens = {});

// SHA-256, in hexadecimal digits, of all that a model gets of a tokenizer: the tokenizer.* entries, and a
// template that takes the place of theirs.
std::string tokenizer_digest(std::span<const gguf::MetadataEntry> metadata, std::string_view chat_template);

}  // namespace hearth::train
