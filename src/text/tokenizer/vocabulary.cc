#include "text/tokenizer/vocabulary.h"

#include <algorithm>
#include <limits>

#include "base/utf8.h"
#include "text/tokenizer/byte_alphabet.h"
#include "text/tokenizer/space_marker.h"

namespace hearth::text {
namespace {

// What GGUF writers put where there is no such token.
constexpr int64_t kAbsentId = std::numeric_limits<uint32_t>::max();

// A token's text as part of an error message.
std::string quoted(std::string_view text) {
  constexpr size_t kShown = 40;
  return fmt::format("\"{}\"{}", sanitize_utf8(text.substr(0, kShown)), text.size() > kShown ? "..." : "");
}

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

bool is_special(TokenType type) noexcept {
  return type == TokenType::kControl || type == TokenType::kUnknown;
}

Result<std::optional<TokenId>> checked_id(const char* name, std::optional<int64_t> id, size_t n_tokens) {
  if (!id || *id == kAbsentId || *id == -1) return std::optional<TokenId>();
  if (*id < 0 || static_cast<uint64_t>(*id) >= n_tokens) {
    return make_error(ErrorCode::kMalformed, "{} token: expected an id below {}, found {}", name, n_tokens,
                      *id);
  }
  return std::optional<TokenId>(static_cast<TokenId>(*id));
}

}  // namespace

std::optional<unsigned char> parse_byte_token(std::string_view text) noexcept {
  if (text.size() != 6 || text.substr(0, 3) != "<0x" || text[5] != '>') return std::nullopt;
  const int high = hex_digit(text[3]);
  const int low = hex_digit(text[4]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<unsigned char>(high * 16 + low);
}

std::optional<std::string> Vocabulary::spelled_bytes(std::string_view text, Spelling spelling) {
  if (spelling == Spelling::kByteAlphabet) {
    std::string bytes;
    if (!append_alphabet_bytes(text, bytes)) return std::nullopt;
    return bytes;
  }
  if (spelling == Spelling::kVerbatim) return std::string(text);
  if (text.find(' ') != std::string_view::npos) return std::nullopt;
  return spaces_for_markers(text);
}

Result<Vocabulary> Vocabulary::create(const VocabularySource& source, const Habits& habits) {
  if (source.tokens.empty() || source.tokens.size() > kMaxTokens) {
    return make_error(ErrorCode::kMalformed, "tokens: expected 1 to {}, found {}", kMaxTokens,
                      source.tokens.size());
  }
  Vocabulary result;
  result.special_swallows_space_ = source.special_swallows_space;
  HEARTH_TRY(result.read_types(source));
  HEARTH_TRY(result.read_tokens(source, habits.spelling));
  HEARTH_TRY(result.read_special_ids(source, habits));
  result.collect_special();
  return result;
}

Result<void> Vocabulary::read_types(const VocabularySource& source) {
  const size_t n = source.tokens.size();
  if (!source.types.empty() && source.types.size() != n) {
    return make_error(ErrorCode::kMalformed, "token types: expected {}, one per token, found {}", n,
                      source.types.size());
  }
  types_.assign(n, TokenType::kNormal);
  for (size_t i = 0; i < source.types.size(); ++i) {
    if (source.types[i] < 0 || source.types[i] > static_cast<int64_t>(TokenType::kByte)) {
      return make_error(ErrorCode::kMalformed, "token {}: expected a type from 0 to 6, found {}", i,
                        source.types[i]);
    }
    types_[i] = static_cast<TokenType>(source.types[i]);
  }
  // Old files have no types; what names a byte is one.
  for (size_t i = 0; source.types.empty() && i < n; ++i) {
    if (parse_byte_token(source.tokens[i])) types_[i] = TokenType::kByte;
  }
  return {};
}

Result<void> Vocabulary::read_tokens(const VocabularySource& source, Spelling spelling) {
  size_t n_bytes = 0;
  for (const std::string_view text : source.tokens) n_bytes += text.size();
  symbols_.reserve(source.tokens.size(), std::min(n_bytes, SymbolTable::kMaxBytes));
  byte_tokens_.fill(kNoSymbol);
  for (size_t i = 0; i < source.tokens.size(); ++i) {
    HEARTH_TRY(read_token(source.tokens[i], static_cast<TokenId>(i), spelling));
  }
  return {};
}

Result<void> Vocabulary::read_token(std::string_view text, TokenId id, Spelling spelling) {
  if (text.size() > kMaxTokenBytes) {
    return make_error(ErrorCode::kMalformed, "token {}: expected at most {} bytes, found {}", id,
                      kMaxTokenBytes, text.size());
  }
  std::optional<std::string> bytes;
  bool is_normal = false;
  if (type(id) == TokenType::kByte) {
    const auto byte = parse_byte_token(text);
    if (!byte) {
      return make_error(ErrorCode::kMalformed, "token {}: expected a byte <0x00> to <0xFF>, found {}", id,
                        quoted(text));
    }
    bytes = std::string(1, static_cast<char>(*byte));
    if (byte_tokens_[*byte] == kNoSymbol) byte_tokens_[*byte] = id;
  } else if (!is_special(type(id)) && type(id) != TokenType::kUserDefined) {
    bytes = spelled_bytes(text, spelling);
    is_normal = bytes.has_value() && !bytes->empty();
  }
  if (!symbols_.append(bytes ? *bytes : text)) {
    return make_error(ErrorCode::kMalformed, "tokens: expected at most {} bytes in all, found more",
                      SymbolTable::kMaxBytes);
  }
  if (is_normal) symbols_.index(id);
  return {};
}

// What old files leave unsaid.
void Vocabulary::guess_special_ids(const VocabularySource& source, Spelling spelling) {
  const auto guess = [&](std::optional<TokenId>& id, const std::optional<int64_t>& said, TokenId guessed,
                         TokenType expected) {
    if (!said && contains(guessed) && type(guessed) == expected) id = guessed;
  };
  if (spelling == Spelling::kSpaceMarker && source.model == "llama") {  // SentencePiece's own order
    guess(unknown_, source.unknown, 0, TokenType::kUnknown);
    guess(bos_, source.bos, 1, TokenType::kControl);
    guess(eos_, source.eos, 2, TokenType::kControl);
  }
  for (size_t i = 0; source.model == "t5" && !unknown_ && i < size(); ++i) {
    guess(unknown_, source.unknown, static_cast<TokenId>(i), TokenType::kUnknown);
  }
  if (spelling == Spelling::kWordStartMarker) {  // BERT's names
    for (size_t i = 0; i < size(); ++i) {
      const auto id = static_cast<TokenId>(i);
      if (bytes(id) == "[UNK]" && !unknown_) guess(unknown_, source.unknown, id, type(id));
      if (bytes(id) == "[CLS]" && !bos_) guess(bos_, source.bos, id, TokenType::kControl);
      if (bytes(id) == "[SEP]" && !eos_) guess(eos_, source.eos, id, TokenType::kControl);
    }
  }
}

Result<void> Vocabulary::read_special_ids(const VocabularySource& source, const Habits& habits) {
  HEARTH_ASSIGN(bos_, checked_id("BOS", source.bos, size()));
  HEARTH_ASSIGN(eos_, checked_id("EOS", source.eos, size()));
  HEARTH_ASSIGN(unknown_, checked_id("unknown", source.unknown, size()));
  guess_special_ids(source, habits.spelling);
  if (source.add_bos.value_or(false) && !bos_) {
    return make_error(ErrorCode::kMalformed,
                      "BOS token: expected one, as it is to begin every text, found none");
  }
  if (source.add_eos.value_or(false) && !eos_) {
    return make_error(ErrorCode::kMalformed,
                      "EOS token: expected one, as it is to end every text, found none");
  }
  add_bos_ = (habits.always_add_bos || source.add_bos.value_or(habits.default_add_bos)) && bos_;
  add_eos_ = source.add_eos.value_or(habits.default_add_eos) && eos_;
  return find_end_tokens(source);
}

Result<void> Vocabulary::find_end_tokens(const VocabularySource& source) {
  ends_generation_.assign(size(), false);
  std::optional<TokenId> end, call;
  bool has_return_or_flush = false;
  for (size_t i = 0; i < size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    // Some converters make every added token a user-defined one. As one of those, </s> is HTML.
    const bool is_html = type(id) == TokenType::kUserDefined && bytes(id) == "</s>";
    if ((!is_special(type(id)) && type(id) != TokenType::kUserDefined) || is_html) continue;
    ends_generation_[i] = is_end_marker(bytes(id));
    if (bytes(id) == "<|end|>") end = id;
    if (bytes(id) == "<|call|>" || bytes(id) == "<|calls|>") call = id;
    if (bytes(id) == "<|return|>" || bytes(id) == "<|flush|>") has_return_or_flush = true;
  }
  // In these formats <|end|> ends one message of several that make an answer.
  if (end && call && has_return_or_flush) ends_generation_[static_cast<size_t>(*end)] = false;
  if (eos_) ends_generation_[static_cast<size_t>(*eos_)] = true;
  HEARTH_ASSIGN(const std::optional<TokenId> eot, checked_id("EOT", source.eot, size()));
  if (eot) ends_generation_[static_cast<size_t>(*eot)] = true;
  for (const int64_t more : source.ends) {
    HEARTH_ASSIGN(const std::optional<TokenId> id, checked_id("end", more, size()));
    if (id) ends_generation_[static_cast<size_t>(*id)] = true;
  }
  return {};
}

void Vocabulary::collect_special() {
  std::vector<TokenId> user_defined, all;
  for (size_t i = 0; i < size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    if (type(id) == TokenType::kUserDefined) user_defined.push_back(id);
    if (type(id) == TokenType::kUserDefined || is_special(type(id))) all.push_back(id);
  }
  user_defined_ = SpecialTokens(symbols_, std::move(user_defined));
  all_special_ = SpecialTokens(symbols_, std::move(all));
}

void Vocabulary::append_byte(unsigned char byte, std::vector<TokenId>& out) const {
  if (byte_tokens_[byte] != kNoSymbol) {
    out.push_back(byte_tokens_[byte]);
  } else if (unknown_) {
    out.push_back(*unknown_);
  }
}

bool Vocabulary::swallows_space(TokenId id) const noexcept {
  const std::string_view text = bytes(id);
  return special_swallows_space_ && text != "<unk>" && text != "<s>" && text != "<|endoftext|>";
}

}  // namespace hearth::text
