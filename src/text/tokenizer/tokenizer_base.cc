#include "text/tokenizer/tokenizer_base.h"

#include <algorithm>

namespace hearth::text {

std::vector<TokenId> TokenizerBase::encode(std::string_view text, const EncodeOptions& options) const {
  std::vector<TokenId> out;
  if (options.add_special && vocabulary_.add_bos()) out.push_back(*vocabulary_.bos());
  encode_parts(cut_out_special(text, options.parse_special), out);
  if (options.add_special && vocabulary_.add_eos()) out.push_back(*vocabulary_.eos());
  return out;
}

std::vector<TokenizerBase::Part> TokenizerBase::cut_out_special(std::string_view text,
                                                                bool parse_special) const {
  std::vector<Part> parts;
  size_t at = 0;
  while (const auto match = vocabulary_.find_special(text, at, parse_special)) {
    if (match->begin > at) parts.push_back({std::nullopt, text.substr(at, match->begin - at)});
    parts.push_back({match->id, {}});
    at = match->begin + match->length;
    if (vocabulary_.swallows_space(match->id)) {
      at = std::min(text.find_first_not_of(" \t\n\v\f\r", at), text.size());
    }
  }
  if (at < text.size()) parts.push_back({std::nullopt, text.substr(at)});
  return parts;
}

std::string_view TokenizerBase::token_bytes(TokenId id, bool special) const {
  if (!vocabulary_.contains(id)) return {};
  const TokenType type = vocabulary_.type(id);
  const bool is_text = type != TokenType::kControl && type != TokenType::kUnknown;
  return is_text || special ? vocabulary_.bytes(id) : std::string_view();
}

bool TokenizerBase::ends_generation(TokenId id) const {
  return vocabulary_.contains(id) && vocabulary_.ends_generation(id);
}

TokenType TokenizerBase::token_type(TokenId id) const {
  return vocabulary_.contains(id) ? vocabulary_.type(id) : TokenType::kUndefined;
}

}  // namespace hearth::text
