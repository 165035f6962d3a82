#include "text/tokenizer/pre_tokenizer.h"

namespace hearth::text {

Result<PreTokenizer> PreTokenizer::create(const PreTokenizerRule& rule) {
  PreTokenizer result;
  for (const char* expression : rule.expressions) {
    auto regex = Regex::compile(expression);
    if (!regex) return regex.error().in(fmt::format("pre-tokenizer {}", rule.names.front()));
    result.expressions_.push_back(std::move(*regex));
  }
  return result;
}

PreTokenizer::Session::Session(const PreTokenizer& pre_tokenizer) {
  for (const Regex& regex : pre_tokenizer.expressions_) matchers_.emplace_back(regex);
}

// Beyond a matcher's limits what is left is one word, which costs fidelity and nothing else.
Regex::Match PreTokenizer::Session::next_match(size_t expression, std::string_view text,
                                               size_t from) noexcept {
  const auto match = matchers_[expression].find(text, from);
  return match && match->end > match->begin ? *match : Regex::Match{text.size(), text.size()};
}

}  // namespace hearth::text
