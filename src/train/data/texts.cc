#include "train/data/texts.h"

#include <nlohmann/json.hpp>

#include "text/documents/documents.h"

namespace hearth::train {
namespace {

namespace fs = std::filesystem;

nlohmann::ordered_json names_of(const std::vector<fs::path>& paths) {
  auto names = nlohmann::ordered_json::array();
  for (const fs::path& path : paths) names.push_back(path.filename().string());
  return names;
}

Result<Corpus> read_corpus(const std::vector<fs::path>& paths, const text::Tokenizer& tokenizer,
                           const CorpusOptions& options, const OnTokens& on_tokens) {
  CorpusBuilder builder(tokenizer, options);
  const auto take = [&](const text::Document& document) -> Result<void> {
    HEARTH_TRY(builder.add(document));
    if (!on_tokens || on_tokens(builder.n_tokens())) return {};
    return make_error(ErrorCode::kCancelled, "stopped");
  };
  for (const fs::path& path : paths) {
    HEARTH_ASSIGN(const std::vector<fs::path> files, text::find_document_files(path));
    for (const fs::path& file : files) HEARTH_TRY(text::read_documents(file, take));
  }
  return builder.finish();
}

Result<void> check_corpus(const Corpus& corpus, const char* what, int64_t least_tokens) {
  if (std::cmp_less(corpus.n_tokens(), least_tokens)) {
    return make_error(ErrorCode::kInvalidArgument, "{}: expected at least {} tokens, found {}", what,
                      least_tokens, corpus.n_tokens());
  }
  if (corpus.n_counted() == 0) {
    return make_error(ErrorCode::kInvalidArgument,
                      "{}: expected conversations with answers, on which the loss is computed, found none",
                      what);
  }
  return {};
}

}  // namespace

nlohmann::ordered_json Texts::json() const {
  nlohmann::ordered_json json{{"train", names_of(train)},
                              {"loss_on", only_answers ? "answers" : "everything"}};
  if (held_out.empty()) {
    json["held_out"] = held_out_share;
  } else {
    json["held_out"] = names_of(held_out);
  }
  return json;
}

Result<Corpora> read_corpora(const Texts& texts, const text::Tokenizer& tokenizer,
                             const text::ChatFormat* chat, int64_t sequence_tokens, uint64_t seed,
                             const OnTokens& on_tokens) {
  const CorpusOptions options{texts.only_answers, chat};
  Corpora corpora;
  HEARTH_ASSIGN(corpora.train, read_corpus(texts.train, tokenizer, options, on_tokens));
  if (texts.held_out.empty()) {
    HEARTH_TRY(check_corpus(corpora.train, "the text to train on", 2));
    corpora.held_out = corpora.train.hold_out(texts.held_out_share, seed);
  } else {
    HEARTH_ASSIGN(corpora.held_out, read_corpus(texts.held_out, tokenizer, options, on_tokens));
  }
  HEARTH_TRY(check_corpus(corpora.train, "the text to train on", sequence_tokens + 1));
  HEARTH_TRY(check_corpus(corpora.held_out, "the text that is held out", 2));
  return corpora;
}

}  // namespace hearth::train
