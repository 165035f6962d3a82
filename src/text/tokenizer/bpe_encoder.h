// Byte-pair encoding of words by a list of merges, over bytes or over characters. Source: arXiv:1508.07909;
// the variations are those of Hugging Face's tokenizers.
#pragma once

#include <array>
#include <string>

#include "text/tokenizer/merges.h"
#include "text/tokenizer/space_marker.h"
#include "text/tokenizer/vocabulary.h"
#include "text/tokenizer/word_encoder.h"

namespace hearth::text {

struct BpeOptions {
  // What words are made of at first. Over bytes, the vocabulary's symbols are the bytes that tokens stand
  // for.
  enum class Unit { kByte, kCharacter };
  Unit unit = Unit::kByte;
  bool ignore_merges = false;  // a word that is itself a token is taken whole, whatever the merges say
  // What becomes of a character without a token: its byte tokens, where all are there; else the unknown
  // token, one for a row of such characters if fused.
  bool byte_fallback = false;
  bool fuse_unknown = false;
  // How the symbols spell a space, over characters.
  std::string space = std::string(kMarkedSpace);
  // How symbols are written that do not begin a word, and that end one.
  std::string continuation_prefix;
  std::string end_suffix;
};

// Made by create() and then add_merge(), best merges first; from then on read by any number of threads.
class BpeEncoder final : public WordEncoder {
 public:
  // Adds its symbols to those of `vocabulary`, which must outlive it. kMalformed beyond the limits.
  static Result<std::unique_ptr<BpeEncoder>> create(Vocabulary& vocabulary, BpeOptions options);

  // A merge may name strings that are no tokens. It still counts, as a step towards those that are, because
  // the model was trained on text that was encoded so.
  Result<void> reserve_merges(size_t n_merges);
  Result<void> add_merge(std::string_view left, std::string_view right);

  std::unique_ptr<Session> start() const override;

 private:
  class WordSession;

  BpeEncoder(Vocabulary& vocabulary, BpeOptions options)
      : vocabulary_(vocabulary), options_(std::move(options)) {}
  // The symbol of these bytes; one that is no token if the vocabulary has none.
  Result<SymbolId> intern(std::string_view bytes);
  void append_symbol(SymbolId symbol, std::vector<TokenId>& out) const;
  void append_unknown(std::string_view bytes, std::vector<SymbolId>& symbols) const;
  void append_symbols(std::string_view word, std::string& scratch, std::vector<SymbolId>& symbols) const;
  size_t cut(std::string_view word) const noexcept;

  Vocabulary& vocabulary_;
  BpeOptions options_;
  uint32_t n_merges_ = 0;
  // Whether no merge joins a space to something else before it, so that a text that is all one word
  // can be merged in parts.
  bool spaces_begin_ = true;
  MergeTable merges_;
  std::array<SymbolId, 256> unit_symbols_{};  // by byte; over characters, of ASCII
};

}  // namespace hearth::text
