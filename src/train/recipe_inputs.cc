#include "train/run_inputs.h"

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
Result<std::optional<text::ChatFormat>> find_chat_format(const Recipe& recipe, const RunInputs& inputs) {
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

Result<Corpus> read_corpus(const std::vector<fs::path>& paths, const text::Tokenizer& tokenizer,
                           const CorpusOptions& options) {
  CorpusBuilder builder(tokenizer, options);
  for (const fs::path& path : paths) {
    HEARTH_ASSIGN(const std::vector<fs::path> files, text::find_document_files(path));
    for (const fs::path& file : files) {
      HEARTH_TRY(
          text::read_documents(file, [&](const text::Document& document) { return builder.add(document); }));
    }
  }
  return builder.finish();
}

Result<void> check_corpus(const Corpus& corpus, const char* field, int64_t least_tokens) {
  if (std::cmp_less(corpus.n_tokens(), least_tokens)) {
    return make_error(ErrorCode::kInvalidArgument, "{}: expected text of at least {} tokens, found {}", field,
                      least_tokens, corpus.n_tokens());
  }
  if (corpus.n_counted() == 0) {
    return make_error(ErrorCode::kInvalidArgument,
                      "{}: expected conversations with answers, on which the loss is computed, found none",
                      field);
  }
  return {};
}

}  // namespace

RunIdentity RunInputs::identity(const Recipe& recipe) const {
  RunIdentity identity;
  identity.recipe = recipe.json().dump();
  // All that a model of it gets.
  store::Hasher hasher;
  for (const gguf::MetadataEntry& entry : tokenizer_file.metadata()) {
    if (!entry.key.starts_with("tokenizer.")) continue;
    hasher.update(store::bytes_of(entry.key));
    hasher.update(entry.value.bytes());
  }
  hasher.update(store::bytes_of(chat_template));
  identity.tokenizer = hasher.finish().hex();
  identity.corpus = train.digest();
  identity.held_out = held_out.digest();
  return identity;
}

Result<RunInputs> read_inputs(Recipe& recipe) {
  HEARTH_ASSIGN(gguf::File file, gguf::File::open(recipe.tokenizer));
  HEARTH_ASSIGN(auto tokenizer, models::load_tokenizer(file));
  RunInputs inputs{std::move(file), std::move(tokenizer), "", {}, {}};
  recipe.model.vocabulary = inputs.tokenizer->vocabulary_size();
  if (const auto good = check_config(recipe.model); !good) return good.error().in("model");
  if (!recipe.chat_template.empty()) {
    HEARTH_ASSIGN(inputs.chat_template, read_template(recipe.chat_template));
  }
  HEARTH_ASSIGN(const auto format, find_chat_format(recipe, inputs));
  const CorpusOptions options{recipe.only_answers, format ? &*format : nullptr};
  HEARTH_ASSIGN(inputs.train, read_corpus(recipe.train, *inputs.tokenizer, options));
  if (recipe.held_out.empty()) {
    HEARTH_TRY(check_corpus(inputs.train, "data.train", 2));
    inputs.held_out = inputs.train.hold_out(recipe.held_out_share, recipe.seed);
  } else {
    HEARTH_ASSIGN(inputs.held_out, read_corpus(recipe.held_out, *inputs.tokenizer, options));
  }
  HEARTH_TRY(check_corpus(inputs.train, "data.train", recipe.batch.n_tokens + 1));
  HEARTH_TRY(check_corpus(inputs.held_out, "data.held_out", 2));
  return inputs;
}

}  // namespace hearth::train
