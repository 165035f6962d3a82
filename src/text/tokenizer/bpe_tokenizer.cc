// Byte-level BPE, tokenizer.ggml.model "gpt2": text is cut into words, each byte of a word is a symbol, and
// neighbours merge by the vocabulary's list. Works on the bytes that tokens stand for; the byte alphabet is
// only how the file writes them.
#include <array>

#include "base/utf8.h"
#include "text/tokenizer/byte_alphabet.h"
#include "text/tokenizer/merges.h"
#include "text/tokenizer/pre_tokenizer.h"
#include "text/tokenizer/tokenizer_base.h"

namespace hearth::text {
namespace {

class BpeTokenizer final : public TokenizerBase {
 public:
  BpeTokenizer(Vocabulary vocabulary, PreTokenizer pre_tokenizer, bool ignore_merges)
      : TokenizerBase(std::move(vocabulary)),
        pre_tokenizer_(std::move(pre_tokenizer)),
        ignore_merges_(ignore_merges) {}

  Result<void> read_bytes();
  Result<void> read_merges(std::span<const std::string_view> merges);

  bool adds_space_prefix() const override { return false; }

 private:
  // The working memory of one call of encode.
  struct Session {
    explicit Session(const BpeTokenizer& tokenizer)
        : words(tokenizer.pre_tokenizer_), merger(tokenizer.merges_) {}
    PreTokenizer::Session words;
    Merger merger;
    std::vector<SymbolId> symbols;
  };

  void encode_parts(std::span<const Part> parts, std::vector<TokenId>& out) const override;
  void encode_word(std::string_view word, Session& session, std::vector<TokenId>& out) const;
  void append_symbol(SymbolId symbol, std::vector<TokenId>& out) const;
  // The symbol of these bytes; one that is no token if the vocabulary has none.
  Result<SymbolId> intern(std::string_view bytes);

  PreTokenizer pre_tokenizer_;
  bool ignore_merges_;
  MergeTable merges_;
  std::array<SymbolId, 256> byte_symbols_{};
};

Result<SymbolId> BpeTokenizer::intern(std::string_view bytes) {
  SymbolTable& symbols = vocabulary_.symbols();
  if (const SymbolId known = symbols.find(bytes); known != kNoSymbol) return known;
  if (symbols.size() >= 4 * Vocabulary::kMaxTokens || !symbols.append(bytes)) {
    return make_error(ErrorCode::kMalformed,
                      "merges: expected them to be of tokens, found too many that are not");
  }
  const auto id = static_cast<SymbolId>(symbols.size() - 1);
  symbols.index(id);
  return id;
}

Result<void> BpeTokenizer::read_bytes() {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    HEARTH_ASSIGN(byte_symbols_[byte], intern({&c, 1}));
  }
  return {};
}

// A merge may name strings that are no tokens. It still counts, as a step towards those that are, because
// the model was trained on text that was encoded so.
Result<void> BpeTokenizer::read_merges(std::span<const std::string_view> merges) {
  if (merges.size() > MergeTable::kMaxMerges) {
    return make_error(ErrorCode::kMalformed, "merges: expected at most {}, found {}", MergeTable::kMaxMerges,
                      merges.size());
  }
  merges_.reserve(merges.size());
  std::string bytes;
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const std::string_view merge = merges[rank];
    const size_t space = merge.find(' ', 1);
    if (space == std::string_view::npos || space + 1 == merge.size()) {
      return make_error(ErrorCode::kMalformed,
                        "merge {}: expected two strings and a space between, found \"{}\"", rank,
                        sanitize_utf8(merge.substr(0, 80)));
    }
    bytes.clear();
    // Outside the alphabet is what no text can become.
    if (!append_alphabet_bytes(merge.substr(0, space), bytes)) continue;
    const size_t n_left = bytes.size();
    if (!append_alphabet_bytes(merge.substr(space + 1), bytes)) continue;
    HEARTH_ASSIGN(const SymbolId left, intern(std::string_view(bytes).substr(0, n_left)));
    HEARTH_ASSIGN(const SymbolId right, intern(std::string_view(bytes).substr(n_left)));
    HEARTH_ASSIGN(const SymbolId result, intern(bytes));
    HEARTH_CHECK(merges_.add(left, right, {static_cast<uint32_t>(rank), result}));
  }
  return {};
}

void BpeTokenizer::encode_parts(std::span<const Part> parts, std::vector<TokenId>& out) const {
  Session session(*this);
  for (const Part& part : parts) {
    if (part.special) {
      out.push_back(*part.special);
      continue;
    }
    session.words.split(part.text, [&](std::string_view word) {
      for (; word.size() > kMaxWordBytes; word.remove_prefix(kMaxWordBytes)) {
        encode_word(word.substr(0, kMaxWordBytes), session, out);
      }
      encode_word(word, session, out);
    });
  }
}

void BpeTokenizer::encode_word(std::string_view word, Session& session, std::vector<TokenId>& out) const {
  if (ignore_merges_ && word.size() <= Vocabulary::kMaxTokenBytes) {
    if (const SymbolId whole = vocabulary_.symbols().find(word); vocabulary_.contains(whole)) {
      out.push_back(whole);
      return;
    }
  }
  session.symbols.clear();
  for (const char c : word) session.symbols.push_back(byte_symbols_[static_cast<unsigned char>(c)]);
  session.merger.apply(session.symbols);
  for (const SymbolId symbol : session.symbols) append_symbol(symbol, out);
}

void BpeTokenizer::append_symbol(SymbolId symbol, std::vector<TokenId>& out) const {
  if (vocabulary_.contains(symbol)) {
    out.push_back(symbol);
    return;
  }
  for (const char c : vocabulary_.symbols().bytes(symbol)) {
    const auto byte = static_cast<unsigned char>(c);
    if (vocabulary_.contains(byte_symbols_[byte])) {
      out.push_back(byte_symbols_[byte]);
    } else {
      vocabulary_.append_byte(byte, out);
    }
  }
}

}  // namespace

Result<std::unique_ptr<const Tokenizer>> create_bpe_tokenizer(const VocabularySource& source) {
  const PreTokenizerRule* rule = find_pre_tokenizer_rule(source.pre);
  if (rule == nullptr) {
    return make_error(ErrorCode::kUnsupported, "pre-tokenizer: expected one that Hearth knows, found \"{}\"",
                      sanitize_utf8(source.pre.substr(0, 80)));
  }
  HEARTH_ASSIGN(PreTokenizer pre_tokenizer, PreTokenizer::create(*rule));
  HEARTH_ASSIGN(Vocabulary vocabulary,
                Vocabulary::create(source, Vocabulary::Spelling::kByteAlphabet, rule->add_bos));
  auto tokenizer =
      std::make_unique<BpeTokenizer>(std::move(vocabulary), std::move(pre_tokenizer), rule->ignore_merges);
  HEARTH_TRY(tokenizer->read_bytes());
  HEARTH_TRY(tokenizer->read_merges(source.merges));
  return std::unique_ptr<const Tokenizer>(std::move(tokenizer));
}

}  // namespace hearth::text
