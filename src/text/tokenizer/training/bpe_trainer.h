// Training of a byte-level BPE: from texts to a vocabulary that text::Tokenizer loads. What it does and why:
// docs/training-tokenizers.md.
//
//   HEARTH_ASSIGN(BpeTrainer trainer, BpeTrainer::create({.vocabulary_size = 8192, .special = {"<|end|>"}}));
//   for (...) HEARTH_TRY(trainer.add(text));
//   HEARTH_ASSIGN(const TrainedVocabulary vocabulary, trainer.train());
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/tokenizer/pre_tokenizer.h"
#include "text/tokenizer/special_tokens.h"
#include "text/tokenizer/tokenizer.h"
#include "text/tokenizer/training/trained_vocabulary.h"
#include "text/tokenizer/training/word_counts.h"

namespace hearth::text {

struct BpeTrainingOptions {
  // Of all tokens: the 256 bytes, the merges, the special tokens.
  int64_t vocabulary_size = 0;
  // How texts are cut into words, by a name of tokenizer.ggml.pre. This one cuts numbers into digits, so that
  // a model can learn to reckon with them.
  std::string pre = "qwen2";
  // Control tokens, in the order of their ids. In texts they are cut out before words are, as
  // Tokenizer::encode does it when it is asked to parse them.
  std::vector<std::string> special = {};
  // Those of them with a role; one that is not among them yet becomes the last.
  std::optional<std::string> bos = {}, eos = {}, padding = {};
  // Whether texts begin with the BOS token.
  bool add_bos = false;
  // Pairs that occur less often become no token. At least 1.
  uint64_t min_count = 2;
  // What the distinct words of all texts, and the training on them, may take.
  uint64_t memory_bytes = uint64_t{4} << 30U;
};

// Keeps the distinct words of the texts that it was given, not the texts. Not thread-safe.
class BpeTrainer {
 public:
  // kInvalidArgument, naming the option, for a vocabulary that is too small for bytes and special tokens or
  // too large, for a pre-tokenizer that is not known or not over bytes, for special tokens that are empty, no
  // UTF-8, too long, named twice, or that spell a byte's token.
  static Result<BpeTrainer> create(BpeTrainingOptions options);

  // One text. What is no UTF-8 is kMalformed with the byte, and nothing of the text counts.
  // kResourceExhausted where the distinct words become too many; then the trainer is of no more use.
  Result<void> add(std::string_view text);

  // Whether to go on, asked now and then: how many merges there are, and will be.
  using Progress = std::function<bool(int64_t n_merges, int64_t n_wanted)>;
  // The same vocabulary for the same texts, in whatever order they came: the most frequent pair becomes the
  // next token, of several the one whose left token has the least id, and then the least right one.
  // kInvalidArgument, with the number, where the texts do not give so many tokens; kCancelled.
  Result<TrainedVocabulary> train(const Progress& progress = nullptr) const;

 private:
  BpeTrainer(BpeTrainingOptions options, PreTokenizer pre_tokenizer);
  Result<void> count_words(PreTokenizer::Session& session, std::string_view text);

  BpeTrainingOptions options_;
  PreTokenizer pre_tokenizer_;
  SymbolTable special_symbols_;  // by place in options_.special
  SpecialTokens special_tokens_;
  WordCounts words_;
  TrainingTexts texts_;
  uint64_t n_special_ = 0;  // occurrences in the texts
};

}  // namespace hearth::text
