#include "text/tokenizer/bpe_encoder.h"

#include <algorithm>

#include "base/utf8.h"

namespace hearth::text {
namespace {

// Longer words are cut, which bounds the memory that merging takes.
constexpr size_t kMaxWordBytes = size_t{4} << 20;
// From here on it pays to look for places where a word can be cut without changing what it becomes.
constexpr size_t kLongWordBytes = 256;

// Where `text` has a space, so spelled, behind something else, at `from` or later; npos where nowhere.
size_t space_behind_other(std::string_view text, std::string_view space, size_t from) noexcept {
  for (size_t at = text.find(space, from); at != std::string_view::npos;
       at = text.find(space, at + space.size())) {
    const bool behind_space = at >= space.size() && text.substr(at - space.size(), space.size()) == space;
    if (at > 0 && !behind_space) return at;
  }
  return std::string_view::npos;
}

}  // namespace

class BpeEncoder::WordSession final : public WordEncoder::Session {
 public:
  explicit WordSession(const BpeEncoder& encoder) : encoder_(encoder), merger_(encoder.merges_) {}

  void encode(std::string_view word, std::vector<TokenId>& out) override {
    if (encoder_.options_.ignore_merges && word.size() <= Vocabulary::kMaxTokenBytes) {
      const SymbolId whole = encoder_.vocabulary_.symbols().find(word);
      if (encoder_.vocabulary_.contains(whole)) {
        out.push_back(whole);
        return;
      }
    }
    while (!word.empty()) {
      const size_t n = word.size() <= kLongWordBytes ? word.size() : encoder_.cut(word);
      symbols_.clear();
      encoder_.append_symbols(word.substr(0, n), scratch_, symbols_);
      merger_.apply(symbols_);
      for (const SymbolId symbol : symbols_) encoder_.append_symbol(symbol, out);
      word.remove_prefix(n);
    }
  }

 private:
  const BpeEncoder& encoder_;
  Merger merger_;
  std::vector<SymbolId> symbols_;
  std::string scratch_;
};

Result<std::unique_ptr<BpeEncoder>> BpeEncoder::create(Vocabulary& vocabulary, BpeOptions options) {
  std::unique_ptr<BpeEncoder> encoder(new BpeEncoder(vocabulary, std::move(options)));
  const bool over_bytes = encoder->options_.unit == BpeOptions::Unit::kByte;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    if (over_bytes) {
      HEARTH_ASSIGN(encoder->unit_symbols_[byte], encoder->intern({&c, 1}));
    } else {
      encoder->unit_symbols_[byte] = byte < 128 ? vocabulary.symbols().find({&c, 1}) : kNoSymbol;
    }
  }
  return encoder;
}

std::unique_ptr<WordEncoder::Session> BpeEncoder::start() const {
  return std::make_unique<WordSession>(*this);
}

Result<SymbolId> BpeEncoder::intern(std::string_view bytes) {
  SymbolTable& symbols = vocabulary_.symbols();
  if (const SymbolId known = symbols.find(bytes); known != kNoSymbol) return known;
  if (symbols.size() >= 4 * Vocabulary::kMaxTokens || !symbols.append(bytes)) {
    return make_error(ErrorCode::kMalformed,
                      "merges: expected them to be of tokens, found too many that are not");
  }
  const auto id = static_cast<SymbolId>(symbols.size() - 1);
  symbols.index(id);
  // A character may be no token and yet what merges begin with.
  if (bytes.size() == 1 && static_cast<unsigned char>(bytes[0]) < 128) {
    unit_symbols_[static_cast<unsigned char>(bytes[0])] = id;
  }
  return id;
}

Result<void> BpeEncoder::reserve_merges(size_t n_merges) {
  if (n_merges > MergeTable::kMaxMerges) {
    return make_error(ErrorCode::kMalformed, "merges: expected at most {}, found {}", MergeTable::kMaxMerges,
                      n_merges);
  }
  merges_.reserve(n_merges);
  return {};
}

Result<void> BpeEncoder::add_merge(std::string_view left, std::string_view right) {
  std::string joined(left);
  const std::string& prefix = options_.continuation_prefix;
  joined += right.substr(right.substr(0, prefix.size()) == prefix ? prefix.size() : 0);
  if (space_behind_other(joined, options_.space, 0) != std::string::npos) spaces_begin_ = false;
  HEARTH_ASSIGN(const SymbolId left_symbol, intern(left));
  HEARTH_ASSIGN(const SymbolId right_symbol, intern(right));
  HEARTH_ASSIGN(const SymbolId result, intern(joined));
  if (!merges_.add(left_symbol, right_symbol, {n_merges_++, result})) {
    return make_error(ErrorCode::kMalformed, "merges: expected at most {}, found more",
                      MergeTable::kMaxMerges);
  }
  return {};
}

// Where to end the part of a long word that is merged by itself.
size_t BpeEncoder::cut(std::string_view word) const noexcept {
  const size_t limit = std::min(word.size(), kMaxWordBytes);
  const bool may_cut = options_.unit == BpeOptions::Unit::kCharacter && spaces_begin_ &&
                       options_.continuation_prefix.empty() && options_.end_suffix.empty() &&
                       vocabulary_.symbols().find(options_.space) != kNoSymbol;
  return may_cut ? std::min(space_behind_other(word.substr(0, limit), options_.space, 1), limit) : limit;
}

void BpeEncoder::append_symbols(std::string_view word, std::string& scratch,
                                std::vector<SymbolId>& symbols) const {
  const bool is_plain = options_.continuation_prefix.empty() && options_.end_suffix.empty();
  if (is_plain && options_.unit == BpeOptions::Unit::kByte) {
    for (const char c : word) symbols.push_back(unit_symbols_[static_cast<unsigned char>(c)]);
    return;
  }
  for (size_t at = 0, length = 0; at < word.size(); at += length) {
    const auto first = static_cast<unsigned char>(word[at]);
    const bool is_byte = options_.unit == BpeOptions::Unit::kByte || first < 128;
    length = is_byte ? 1 : decode_utf8(word.substr(at)).length_bytes;
    const std::string_view unit = word.substr(at, length);
    SymbolId symbol = kNoSymbol;
    if (is_plain) {
      symbol = is_byte ? unit_symbols_[first] : vocabulary_.symbols().find(unit);
    } else {
      scratch = at > 0 ? options_.continuation_prefix : std::string();
      scratch += unit;
      if (at + length == word.size()) scratch += options_.end_suffix;
      symbol = vocabulary_.symbols().find(scratch);
    }
    if (symbol != kNoSymbol) {
      symbols.push_back(symbol);
    } else {
      append_unknown(unit, symbols);
    }
  }
}

void BpeEncoder::append_unknown(std::string_view bytes, std::vector<SymbolId>& symbols) const {
  const bool has_all = options_.byte_fallback && std::all_of(bytes.begin(), bytes.end(), [&](char c) {
                         return vocabulary_.has_byte_token(static_cast<unsigned char>(c));
                       });
  if (has_all) {
    for (const char c : bytes) vocabulary_.append_byte(static_cast<unsigned char>(c), symbols);
  } else if (const auto unknown = vocabulary_.unknown()) {
    const bool is_fused = options_.fuse_unknown && !symbols.empty() && symbols.back() == *unknown;
    if (!is_fused) symbols.push_back(*unknown);
  }
}

// A symbol that is no token is taken apart again.
void BpeEncoder::append_symbol(SymbolId symbol, std::vector<TokenId>& out) const {
  if (vocabulary_.contains(symbol)) {
    out.push_back(symbol);
    return;
  }
  const std::string_view bytes = vocabulary_.symbols().bytes(symbol);
  if (options_.unit == BpeOptions::Unit::kCharacter) return append_unknown(bytes, out);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (vocabulary_.contains(unit_symbols_[byte])) {
      out.push_back(unit_symbols_[byte]);
    } else {
      vocabulary_.append_byte(byte, out);
    }
  }
}

}  // namespace hearth::text
