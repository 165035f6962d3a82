// From what a call says that an answer must be to a grammar for the engine.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "base/result.h"
#include "protocol/engine.pb.h"
#include "text/grammar/matcher.h"
#include "text/tokenizer/tokenizer.h"
#include "worker/prompt.h"

namespace hearth::worker {

// Whether the call's answer must be something, and is not free.
bool is_constrained(const protocol::Generate& call);

// For one thread at a time.
class ConstraintCompiler {
 public:
  // `n_tokens`: of the model's logits. The tokenizer must outlive this, and be thread-safe.
  ConstraintCompiler(const text::Tokenizer& tokenizer, int64_t n_tokens)
      : tokenizer_(tokenizer), n_tokens_(n_tokens) {}

  // The grammar of an answer that is constrained, thinking included, if the model does. Errors: those of the
  // schema, grammar or expression, and of what cannot be had together.
  Result<std::shared_ptr<text::grammar::TokenGrammar>> compile(const protocol::Generate& call,
                                                               const Prompt& prompt);

 private:
  std::shared_ptr<const text::grammar::MaskedVocabulary> vocabulary(
      const std::vector<text::TokenId>& visible);

  const text::Tokenizer& tokenizer_;
  const int64_t n_tokens_;
  // A model's templates have few sets of marks.
  std::map<std::vector<text::TokenId>, std::shared_ptr<const text::grammar::MaskedVocabulary>> vocabularies_;
};

}  // namespace hearth::worker
