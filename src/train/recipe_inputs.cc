#include "train/recipe_inputs.h"

#include <nlohmann/json.hpp>

#include "base/mapped_file.h"
#include "models/chat_format.h"
#include "models/checkpoint.h"
#include "models/tokenizer_gguf.h"
#include "store/digest.h"

namespace hearth::train {
namespace {

namespace fs = std::filesystem;

Result<std::string> read_template(const fs::path& path) {
  HEARTH_ASSIGN(const MappedFile file, MappedFile::open(path));
  return std::string(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
}

// Of the recipe's own file, else of the tokenizer's; nothing where there is none.
Result<std::optional<text::ChatFormat>> find_chat_format(const Recipe& recipe, const RecipeInputs& inputs) {
  if (!recipe.chat_template.empty()) {
    HEARTH_ASSIGN(
        text::ChatFormat format,
        text::ChatFormat::create(inputs.chat_template, recipe.chat_template.string(), *inputs.tokenizer));
    return std::optional(std::move(format));
  }
  const models::GgufCheckpoint checkpoint(inputs.tokenizer_file);
  HEARTH_ASSIGN(auto found, models::load_chat_format(checkpoint, *inputs.tokenizer, /*with_tools=*/false));
  return found ? std::optional(std::move(found->format)) : std::nullopt;
}

}  // namespace

std::string tokenizer_digest(std::span<const gguf::MetadataEntry> metadata, std::string_view chat_template) {
  store::Hasher hasher;
  for (const gguf::MetadataEntry& entry : metadata) {
    if (!entry.key.starts_with("tokenizer.")) continue;
    hasher.update(store::bytes_of(entry.key));
    hasher.update(entry.value.bytes());
  }
  hasher.update(store::bytes_of(chat_template));
  return hasher.finish().hex();
}

RunIdentity RecipeInputs::identity(const Recipe& recipe) const {
  return {recipe.json().dump(), tokenizer_digest(tokenizer_file.metadata(), chat_template),
          corpora.train.digest(), corpora.held_out.digest()};
}

Result<RecipeInputs> read_inputs(Recipe& recipe, const OnTokens& on_tokens) {
  HEARTH_ASSIGN(gguf::File file, gguf::File::open(recipe.tokenizer));
  HEARTH_ASSIGN(auto tokenizer, models::load_tokenizer(file));
  RecipeInputs inputs{std::move(file), std::move(tokenizer), "", {}};
  recipe.model.vocabulary = inputs.tokenizer->vocabulary_size();
  if (const auto good = check_config(recipe.model); !good) return good.error().in("model");
  if (!recipe.chat_template.empty()) {
    HEARTH_ASSIGN(inputs.chat_template, read_template(recipe.chat_template));
  }
  HEARTH_ASSIGN(const auto format, find_chat_format(recipe, inputs));
  HEARTH_ASSIGN(inputs.corpora,
                read_corpora(recipe.texts, *inputs.tokenizer, format ? &*format : nullptr,
                             recipe.training.batch.n_tokens, recipe.training.seed, on_tokens));
  return inputs;
}

}  // namespace hearth::train
