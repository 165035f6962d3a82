#include "text/tokenizer/training/trained_vocabulary.h"

namespace hearth::text {

VocabularySource TrainedVocabulary::source() const {
  VocabularySource result;
  result.model = "gpt2";
  result.pre = pre;
  result.tokens.assign(tokens.begin(), tokens.end());
  for (const TokenType type : types) result.types.push_back(static_cast<int64_t>(type));
  result.merges.assign(merges.begin(), merges.end());
  result.bos = bos;
  result.eos = eos;
  result.add_bos = add_bos;
  return result;
}

}  // namespace hearth::text
