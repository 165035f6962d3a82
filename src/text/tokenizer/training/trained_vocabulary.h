// What comes of training a byte-level BPE.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "text/tokenizer/tokenizer.h"

namespace hearth::text {

// What a vocabulary was trained on, as it encodes that.
struct TrainingTexts {
  uint64_t n_texts = 0;
  uint64_t n_bytes = 0;
  uint64_t n_distinct_words = 0;
  uint64_t n_tokens = 0;
};

// In GGUF's terms, model "gpt2".
struct TrainedVocabulary {
  std::string pre;
  std::vector<std::string> tokens;  // the bytes in the order of their characters, merges, special tokens
  std::vector<TokenType> types;     // of the tokens
  std::vector<std::string> merges;  // "left right", best first; merge i makes token 256 + i
  std::optional<TokenId> bos, eos, padding;
  bool add_bos = false;
  TrainingTexts texts;

  // For Tokenizer::create. The views live as long as this.
  VocabularySource source() const;
};

}  // namespace hearth::text
