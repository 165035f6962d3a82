// SentencePiece's BPE, tokenizer.ggml.model "llama": each character is a symbol, and neighbours merge if
// together they are a token, the one with the highest score first. What stays without a token becomes byte
// tokens. Source: google/sentencepiece, src/bpe_model.cc.
//
// A space is U+2581 in the file and in SentencePiece; here, in the bytes of tokens as in the text, both are a
// plain space.
#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "text/tokenizer/merges.h"
#include "text/tokenizer/space_marker.h"
#include "text/tokenizer/tokenizer_base.h"

namespace hearth::text {
namespace {

// Tokens of more bytes are not built by merging: SentencePiece trains pieces of some 16 characters. It bounds
// what a hostile vocabulary costs, as each token is tried at all of its places.
constexpr size_t kMaxMergedBytes = 512;

class SpmTokenizer final : public TokenizerBase {
 public:
  SpmTokenizer(Vocabulary vocabulary, bool add_space_prefix)
      : TokenizerBase(std::move(vocabulary)), add_space_prefix_(add_space_prefix) {}

  Result<void> find_merges(const std::vector<float>& scores);

  bool adds_space_prefix() const override { return add_space_prefix_; }

 private:
  // The working memory of one call of encode.
  struct Session {
    explicit Session(const MergeTable& merges) : merger(merges) {}
    Merger merger;
    std::vector<SymbolId> symbols;
    std::string text;
  };

  Result<void> find_merges_into(TokenId token, uint32_t rank);
  Result<SymbolId> part(std::string_view bytes);
  void encode_parts(std::span<const Part> parts, std::vector<TokenId>& out) const override;
  void encode_text(Session& session, std::vector<TokenId>& out) const;
  void encode_word(std::string_view word, Session& session, std::vector<TokenId>& out) const;
  void merge_symbols(Session& session, std::vector<TokenId>& out) const;
  void append_bytes(std::string_view character, std::vector<TokenId>& out) const;
  size_t word_end(std::string_view text, size_t begin) const noexcept;

  bool add_space_prefix_;
  // Whether no token goes on past a space that follows something else, so that words can be encoded one by
  // one.
  bool words_are_apart_ = true;
  MergeTable merges_;
  std::array<SymbolId, 128> ascii_symbols_{};
};

// The rank of each token: 0 for the highest score, equal for equal scores.
std::vector<uint32_t> rank_by_score(const std::vector<float>& scores, size_t n_tokens) {
  std::vector<uint32_t> ranks(n_tokens, 0);
  if (scores.empty()) return ranks;
  std::vector<uint32_t> order(n_tokens);
  for (size_t i = 0; i < n_tokens; ++i) order[i] = static_cast<uint32_t>(i);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return scores[a] > scores[b]; });
  for (size_t i = 1; i < n_tokens; ++i) {
    ranks[order[i]] = ranks[order[i - 1]] + (scores[order[i]] < scores[order[i - 1]] ? 1 : 0);
  }
  return ranks;
}

Result<void> SpmTokenizer::find_merges(const std::vector<float>& scores) {
  const std::vector<uint32_t> ranks = rank_by_score(scores, vocabulary_.size());
  merges_.reserve(4 * vocabulary_.size());
  for (size_t i = 0; i < vocabulary_.size(); ++i) {
    const auto token = static_cast<TokenId>(i);
    // Of tokens with the same bytes the first is the one that text becomes.
    const std::string_view bytes = vocabulary_.bytes(token);
    if (bytes.size() > kMaxMergedBytes || vocabulary_.symbols().find(bytes) != token) continue;
    HEARTH_TRY(find_merges_into(token, ranks[i]));
  }
  for (size_t c = 0; c < ascii_symbols_.size(); ++c) {
    const char character = static_cast<char>(c);
    ascii_symbols_[c] = vocabulary_.symbols().find({&character, 1});
  }
  return {};
}

Result<void> SpmTokenizer::find_merges_into(TokenId token, uint32_t rank) {
  const std::string bytes(vocabulary_.bytes(token));  // symbols may move while parts are added
  const std::string_view text = bytes;
  for (size_t at = decode_utf8(text).length_bytes; at < text.size();
       at += decode_utf8(text.substr(at)).length_bytes) {
    if (text[at] == ' ' && text[at - 1] != ' ') words_are_apart_ = false;
    HEARTH_ASSIGN(const SymbolId left, part(text.substr(0, at)));
    if (left == kNoSymbol) continue;
    HEARTH_ASSIGN(const SymbolId right, part(text.substr(at)));
    if (right == kNoSymbol) continue;
    if (!merges_.add(left, right, {rank, token})) {
      return make_error(ErrorCode::kMalformed, "tokens: expected at most {} ways to merge them, found more",
                        MergeTable::kMaxMerges);
    }
  }
  return {};
}

// One side of a merge: a token, or a single character, which text may contain without its being a token.
Result<SymbolId> SpmTokenizer::part(std::string_view bytes) {
  SymbolTable& symbols = vocabulary_.symbols();
  const SymbolId known = symbols.find(bytes);
  if (known != kNoSymbol || decode_utf8(bytes).length_bytes != bytes.size()) return known;
  if (!symbols.append(bytes)) {
    return make_error(ErrorCode::kMalformed, "tokens: expected at most {} bytes in all, found more",
                      SymbolTable::kMaxBytes);
  }
  const auto id = static_cast<SymbolId>(symbols.size() - 1);
  symbols.index(id);
  return id;
}

void SpmTokenizer::encode_parts(std::span<const Part> parts, std::vector<TokenId>& out) const {
  Session session(merges_);
  bool after_special = true;
  for (const Part& part : parts) {
    if (part.special) {
      out.push_back(*part.special);
      after_special = true;
      continue;
    }
    session.text.assign(add_space_prefix_ && after_special ? 1 : 0, ' ');
    session.text += part.text;
    encode_text(session, out);
    after_special = false;
  }
}

void SpmTokenizer::encode_text(Session& session, std::vector<TokenId>& out) const {
  std::string& text = session.text;
  // A marker that is in the text itself is taken for a space, as SentencePiece does.
  if (text.find(kMarkedSpace) != std::string::npos) text = spaces_for_markers(text);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = word_end(text, begin);
    encode_word(std::string_view(text).substr(begin, end - begin), session, out);
    begin = end;
  }
}

size_t SpmTokenizer::word_end(std::string_view text, size_t begin) const noexcept {
  const size_t limit = text.size() - begin > kMaxWordBytes ? begin + kMaxWordBytes : text.size();
  if (!words_are_apart_) return limit;
  size_t at = begin;
  while (at < limit && text[at] == ' ') ++at;
  return std::min(text.substr(0, limit).find(' ', at), limit);
}

void SpmTokenizer::encode_word(std::string_view word, Session& session, std::vector<TokenId>& out) const {
  session.symbols.clear();
  while (!word.empty()) {
    const auto first = static_cast<unsigned char>(word.front());
    const size_t length = first < 128 ? 1 : decode_utf8(word).length_bytes;
    const std::string_view character = word.substr(0, length);
    const SymbolId symbol = first < 128 ? ascii_symbols_[first] : vocabulary_.symbols().find(character);
    if (symbol != kNoSymbol) {
      session.symbols.push_back(symbol);
    } else {
      // No token contains this character, so none goes on past it.
      merge_symbols(session, out);
      append_bytes(character, out);
    }
    word.remove_prefix(length);
  }
  merge_symbols(session, out);
}

void SpmTokenizer::merge_symbols(Session& session, std::vector<TokenId>& out) const {
  session.merger.apply(session.symbols);
  for (const SymbolId symbol : session.symbols) {
    if (vocabulary_.contains(symbol)) {
      out.push_back(symbol);
    } else {
      append_bytes(vocabulary_.symbols().bytes(symbol), out);
    }
  }
  session.symbols.clear();
}

void SpmTokenizer::append_bytes(std::string_view character, std::vector<TokenId>& out) const {
  const bool has_all = std::all_of(character.begin(), character.end(), [&](char c) {
    return vocabulary_.has_byte_token(static_cast<unsigned char>(c));
  });
  if (has_all) {
    for (const char c : character) vocabulary_.append_byte(static_cast<unsigned char>(c), out);
  } else if (vocabulary_.unknown()) {
    out.push_back(*vocabulary_.unknown());
  }
}

}  // namespace

Result<std::unique_ptr<const Tokenizer>> create_spm_tokenizer(const VocabularySource& source) {
  HEARTH_TRY(check_scores(source.scores, source.tokens.size()));
  HEARTH_ASSIGN(Vocabulary vocabulary,
                Vocabulary::create(source, {Vocabulary::Spelling::kSpaceMarker, true}));
  auto tokenizer =
      std::make_unique<SpmTokenizer>(std::move(vocabulary), source.add_space_prefix.value_or(true));
  HEARTH_TRY(tokenizer->find_merges(source.scores));
  return std::unique_ptr<const Tokenizer>(std::move(tokenizer));
}

}  // namespace hearth::text
