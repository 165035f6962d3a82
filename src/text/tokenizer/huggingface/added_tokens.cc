#include "text/tokenizer/huggingface/added_tokens.h"

#include <algorithm>

#include "base/utf8.h"
#include "text/tokenizer/unicode.h"
#include "text/tokenizer/vocabulary.h"

namespace hearth::text {
namespace {

// The character that `text` ends with; U+FFFD where it ends with no whole one.
char32_t last_character(std::string_view text) noexcept {
  size_t begin = text.size() - 1;
  while (begin > 0 && text.size() - begin < 4 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) {
    --begin;
  }
  const DecodedCharacter c = decode_utf8(text.substr(begin));
  return begin + c.length_bytes == text.size() ? c.code_point : kReplacementCharacter;
}

bool touches_word(std::string_view before, std::string_view behind) noexcept {
  return (!before.empty() && is_word_character(last_character(before))) ||
         (!behind.empty() && is_word_character(decode_utf8(behind).code_point));
}

size_t space_at_end(std::string_view text) noexcept {
  size_t n = 0;
  while (n < text.size()) {
    const char32_t c = last_character(text.substr(0, text.size() - n));
    if (!is_white_space(c)) break;
    std::string bytes;
    append_utf8(bytes, c);
    n += bytes.size();
  }
  return n;
}

size_t space_at_start(std::string_view text) noexcept {
  size_t n = 0;
  while (n < text.size()) {
    const DecodedCharacter c = decode_utf8(text.substr(n));
    if (!is_white_space(c.code_point)) break;
    n += c.length_bytes;
  }
  return n;
}

}  // namespace

Result<std::vector<AddedToken>> read_added_tokens(const JsonPlace& place) {
  HEARTH_ASSIGN(const std::vector<JsonPlace> entries, place.elements());
  std::vector<AddedToken> tokens;
  for (const JsonPlace& entry : entries) {
    AddedToken token;
    HEARTH_ASSIGN(const JsonPlace id_place, entry.at("id"));
    HEARTH_ASSIGN(const int64_t id, id_place.integer());
    if (id < 0 || static_cast<uint64_t>(id) >= Vocabulary::kMaxTokens) {
      return id_place.malformed(fmt::format("an id below {}", Vocabulary::kMaxTokens));
    }
    token.id = static_cast<TokenId>(id);
    HEARTH_ASSIGN(const JsonPlace content, entry.at("content"));
    HEARTH_ASSIGN(const std::string_view text, content.string());
    if (text.size() > Vocabulary::kMaxTokenBytes) {
      return content.malformed(fmt::format("at most {} bytes", Vocabulary::kMaxTokenBytes));
    }
    token.content = text;
    HEARTH_ASSIGN(token.single_word, entry.flag_or("single_word", false));
    HEARTH_ASSIGN(token.lstrip, entry.flag_or("lstrip", false));
    HEARTH_ASSIGN(token.rstrip, entry.flag_or("rstrip", false));
    HEARTH_ASSIGN(token.special, entry.flag_or("special", false));
    HEARTH_ASSIGN(token.normalized, entry.flag_or("normalized", !token.special));
    tokens.push_back(std::move(token));
  }
  return tokens;
}

AddedTokenFinder::AddedTokenFinder(const std::vector<AddedToken>& tokens, bool normalized,
                                   const Normalizer& normalizer) {
  std::vector<TokenId> ordinary, all;
  for (const AddedToken& token : tokens) {
    if (token.normalized != normalized) continue;
    const std::string content = normalized ? normalizer.apply(token.content) : token.content;
    if (content.empty() || !contents_.append(content)) continue;
    const auto place = static_cast<TokenId>(tokens_.size());
    tokens_.push_back(token);
    all.push_back(place);
    if (!token.special) ordinary.push_back(place);
  }
  ordinary_ = SpecialTokens(contents_, std::move(ordinary));
  all_ = SpecialTokens(contents_, std::move(all));
}

std::vector<AddedTokenFinder::Part> AddedTokenFinder::cut(std::string_view text, bool parse_special) const {
  std::vector<Part> parts;
  const SpecialTokens& wanted = parse_special ? all_ : ordinary_;
  size_t done = 0;
  size_t at = 0;
  while (const auto match = wanted.find(contents_, text, at)) {
    const AddedToken& token = tokens_[static_cast<size_t>(match->id)];
    at = match->begin + match->length;
    // Part of the white space that a token before this one took with it.
    if (match->begin < done) continue;
    if (token.single_word && touches_word(text.substr(0, match->begin), text.substr(at))) continue;
    size_t begin = match->begin;
    if (token.lstrip) begin -= space_at_end(text.substr(done, begin - done));
    if (begin > done) parts.push_back({std::nullopt, done, text.substr(done, begin - done)});
    parts.push_back({token.id, match->begin, {}});
    done = at;
    if (token.rstrip) done += space_at_start(text.substr(at));
  }
  if (done < text.size()) parts.push_back({std::nullopt, done, text.substr(done)});
  return parts;
}

}  // namespace hearth::text
