// What a recipe names, read: tokenizer, chat format and texts.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "formats/gguf/gguf.h"
#include "text/chat/chat_format.h"
#include "train/checkpoint.h"
#include "train/data/corpus.h"
#include "train/recipe.h"

namespace hearth::train {

struct RunInputs {
  gguf::File tokenizer_file;
  std::unique_ptr<const text::Tokenizer> tokenizer;
  std::string chat_template;  // of the recipe's own file, where it names one
  Corpus train;
  Corpus held_out;

  RunIdentity identity(const Recipe& recipe) const;
};

// Sets the size of the recipe's vocabulary. Errors name the file: its reader's; kInvalidArgument for too
// little text for one sequence, and for answers that are asked for where there are none.
Result<RunInputs> read_inputs(Recipe& recipe);

}  // namespace hearth::train
