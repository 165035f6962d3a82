// What a call says an answer must be, as grammars for the engine.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/result.h"
#include "protocol/engine.pb.h"
#include "text/grammar/matcher.h"
#include "text/tokenizer/tokenizer.h"
#include "worker/prompt.h"

namespace hearth::worker {

// Compiles constraints, and keeps the ones used last: clients send the same schema again and again. Not
// thread-safe.
class Constraints {
 public:
  // What is kept, the tables that answers fill included; older ones are let go first.
  static constexpr size_t kMaxGrammars = 64;
  static constexpr size_t kMaxBytes = size_t{128} << 20U;

  // `n_tokens`: of the model's logits. The tokenizer must outlive this.
  Constraints(const text::Tokenizer& tokenizer, int64_t n_tokens)
      : tokenizer_(tokenizer), n_tokens_(n_tokens) {}

  // The grammar of the call's answer, thinking included, if the model does; null where the answer is free.
  // Errors: those of the schema, grammar or expression, and of what cannot be had together.
  Result<std::shared_ptr<text::grammar::TokenGrammar>> grammar_of(const protocol::Generate& call,
                                                                  const Prompt& prompt);

 private:
  using Grammars = std::list<std::pair<std::string, std::shared_ptr<text::grammar::TokenGrammar>>>;

  std::shared_ptr<const text::grammar::MaskedVocabulary> vocabulary(
      const std::vector<text::TokenId>& visible);
  void let_go_of_old_ones();

  const text::Tokenizer& tokenizer_;
  const int64_t n_tokens_;
  Grammars grammars_;  // the last one used in front
  std::unordered_map<std::string, Grammars::iterator> by_key_;
  // A model's templates have few sets of marks.
  std::map<std::vector<text::TokenId>, std::shared_ptr<const text::grammar::MaskedVocabulary>> vocabularies_;
};

}  // namespace hearth::worker
