// A vocabulary that has been checked: what every kind of tokenizer needs to know of its tokens.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "text/tokenizer/special_tokens.h"
#include "text/tokenizer/symbol_table.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::text {

// The byte that "<0x0A>" names; nothing for any other text.
std::optional<unsigned char> parse_byte_token(std::string_view text) noexcept;

// Built once, then read by any number of threads.
class Vocabulary {
 public:
  // How the text of a normal token becomes the bytes that it stands for.
  enum class Spelling {
    kByteAlphabet,     // GPT-2's: one character per byte
    kSpaceMarker,      // SentencePiece's: U+2581 is a space
    kWordStartMarker,  // WordPiece's in a GGUF: U+2581, a space, stands before what begins a word
    kVerbatim,         // the text is what is looked for; what it stands for is the tokenizer's to say
  };
  // What a kind of vocabulary has for a habit, where the source does not say.
  struct Habits {
    Spelling spelling;
    bool default_add_bos;
    bool default_add_eos = false;
    bool always_add_bos = false;  // whatever the source says
  };

  // Limits far beyond any vocabulary in use; they bound what loading a hostile one costs.
  static constexpr size_t kMaxTokens = size_t{1} << 24;
  static constexpr size_t kMaxTokenBytes = 4096;

  // The bytes that a normal token of this text stands for; nothing if the text is not spelled so: then no
  // text can become it.
  static std::optional<std::string> spelled_bytes(std::string_view text, Spelling spelling);

  // kMalformed names the entry that is wrong.
  static Result<Vocabulary> create(const VocabularySource& source, const Habits& habits);

  size_t size() const noexcept { return types_.size(); }
  bool contains(TokenId id) const noexcept { return id >= 0 && static_cast<size_t>(id) < size(); }
  TokenType type(TokenId id) const noexcept { return types_[static_cast<size_t>(id)]; }
  std::string_view bytes(TokenId id) const noexcept { return symbols_.bytes(id); }
  bool ends_generation(TokenId id) const noexcept { return ends_generation_[static_cast<size_t>(id)]; }

  std::optional<TokenId> bos() const noexcept { return bos_; }
  std::optional<TokenId> eos() const noexcept { return eos_; }
  std::optional<TokenId> unknown() const noexcept { return unknown_; }
  bool add_bos() const noexcept { return add_bos_; }
  bool add_eos() const noexcept { return add_eos_; }

  // Appends the byte token of `byte`, else the unknown token, else nothing: a vocabulary may lack both.
  void append_byte(unsigned char byte, std::vector<TokenId>& out) const;
  bool has_byte_token(unsigned char byte) const noexcept { return byte_tokens_[byte] != kNoSymbol; }

  // The next token in `text` that stands for itself. Control tokens only with `parse_special`, so that a text
  // cannot forge them.
  std::optional<SpecialTokens::Match> find_special(std::string_view text, size_t from,
                                                   bool parse_special) const noexcept {
    return (parse_special ? all_special_ : user_defined_).find(symbols_, text, from);
  }
  // Whether the white space behind the special token `id` is part of it.
  bool swallows_space(TokenId id) const noexcept;

  // The tokens, and behind them what a tokenizer adds. find() gives normal tokens only: those that ordinary
  // text can become.
  SymbolTable& symbols() noexcept { return symbols_; }
  const SymbolTable& symbols() const noexcept { return symbols_; }

 private:
  Vocabulary() = default;
  Result<void> read_types(const VocabularySource& source);
  Result<void> read_tokens(const VocabularySource& source, Spelling spelling);
  Result<void> read_token(std::string_view text, TokenId id, Spelling spelling);
  Result<void> read_special_ids(const VocabularySource& source, const Habits& habits);
  void guess_special_ids(const VocabularySource& source, Spelling spelling);
  Result<void> find_end_tokens(const VocabularySource& source);
  void collect_special();

  SymbolTable symbols_;
  std::vector<TokenType> types_;
  std::vector<bool> ends_generation_;
  std::array<SymbolId, 256> byte_tokens_{};
  std::optional<TokenId> bos_, eos_, unknown_;
  bool add_bos_ = false;
  bool add_eos_ = false;
  bool special_swallows_space_ = false;
  SpecialTokens user_defined_;
  SpecialTokens all_special_;
};

}  // namespace hearth::text
