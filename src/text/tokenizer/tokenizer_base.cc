#include "text/tokenizer/tokenizer_base.h"

#include <algorithm>
#include <cmath>

namespace hearth::text {

std::vector<TokenId> TokenizerBase::encode(std::string_view text, const EncodeOptions& options) const {
  std::vector<TokenId> out;
  if (options.add_special && vocabulary_.add_bos()) out.push_back(*vocabulary_.bos());
  encode_parts(cut_out_special(text, options), out);
  if (options.add_special && vocabulary_.add_eos()) out.push_back(*vocabulary_.eos());
  return out;
}

std::vector<TokenizerBase::Part> TokenizerBase::cut_out_special(std::string_view text,
                                                                const EncodeOptions& options) const {
  std::vector<Part> parts;
  size_t at = 0;
  size_t from = 0;
  while (const auto match = vocabulary_.find_special(text, from, options.parse_special)) {
    const bool is_literal =
        std::binary_search(options.literal_at.begin(), options.literal_at.end(), match->begin);
    if (is_literal && vocabulary_.type(match->id) != TokenType::kUserDefined) {
      from = match->begin + 1;
      continue;
    }
    if (match->begin > at) parts.push_back({std::nullopt, text.substr(at, match->begin - at)});
    parts.push_back({match->id, {}});
    at = match->begin + match->length;
    if (vocabulary_.swallows_space(match->id)) {
      at = std::min(text.find_first_not_of(" \t\n\v\f\r", at), text.size());
    }
    from = at;
  }
  if (at < text.size()) parts.push_back({std::nullopt, text.substr(at)});
  return parts;
}

std::string_view VocabularyTokenizer::token_bytes(TokenId id, bool special) const {
  if (!vocabulary_.contains(id)) return {};
  const TokenType type = vocabulary_.type(id);
  const bool is_text = type != TokenType::kControl && type != TokenType::kUnknown;
  return is_text || special ? vocabulary_.bytes(id) : std::string_view();
}

bool VocabularyTokenizer::ends_generation(TokenId id) const {
  return vocabulary_.contains(id) && vocabulary_.ends_generation(id);
}

TokenType VocabularyTokenizer::token_type(TokenId id) const {
  return vocabulary_.contains(id) ? vocabulary_.type(id) : TokenType::kUndefined;
}

Result<void> check_scores(const std::vector<float>& scores, size_t n_tokens) {
  if (scores.empty()) return {};
  if (scores.size() != n_tokens) {
    return make_error(ErrorCode::kMalformed, "token scores: expected {}, one per token, found {}", n_tokens,
                      scores.size());
  }
  const auto bad = std::find_if(scores.begin(), scores.end(), [](float score) { return std::isnan(score); });
  if (bad == scores.end()) return {};
  return make_error(ErrorCode::kMalformed, "score of token {}: expected a number, found NaN",
                    bad - scores.begin());
}

}  // namespace hearth::text
