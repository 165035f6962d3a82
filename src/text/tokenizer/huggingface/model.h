// "model" of tokenizer.json: the vocabulary, and how a word becomes tokens of it.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/tokenizer/huggingface/json_place.h"
#include "text/tokenizer/vocabulary.h"
#include "text/tokenizer/word_encoder.h"

namespace hearth::text {

enum class ModelType { kBpe, kWordPiece, kUnigram, kWordLevel };

struct ModelVocabulary {
  ModelType type = ModelType::kBpe;
  // By id; one without data is of no token. The views live as long as the document.
  std::vector<std::string_view> tokens;
  std::vector<double> scores;  // Unigram: one per token
  std::optional<int64_t> unknown;
  bool byte_fallback = false;
};

// kUnsupported for a type or an option that Hearth does not know.
Result<ModelVocabulary> read_model_vocabulary(const JsonPlace& model);

// `over_bytes`: words come as bytes, and `vocabulary` holds those that the byte alphabet spells (BPE only).
// `vocabulary` must outlive the encoder.
Result<std::unique_ptr<const WordEncoder>> read_word_encoder(const JsonPlace& model,
                                                             const ModelVocabulary& read,
                                                             Vocabulary& vocabulary, bool over_bytes);

}  // namespace hearth::text
