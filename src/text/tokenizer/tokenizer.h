// Text to token ids and back.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::text {

using TokenId = int32_t;

// What a token is; the values are those of GGUF's tokenizer.ggml.token_type.
enum class TokenType : uint8_t {
  kUndefined = 0,
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,      // <s>, <|im_end|>: structure, not text
  kUserDefined = 4,  // added text tokens, matched before anything else
  kUnused = 5,
  kByte = 6,  // <0x0A> of an SPM vocabulary
};

// A vocabulary as a model file describes it, not yet checked. The views must live until Tokenizer::create
// returns.
struct VocabularySource {
  // tokenizer.ggml.model: "llama" (SPM), "gpt2" (BPE, mostly over bytes), "gemma4" (BPE over characters),
  // "bert" (WordPiece), "t5" (Unigram)
  std::string_view model;
  std::string_view pre;  // tokenizer.ggml.pre: names the pre-tokenizer of a BPE
  std::vector<std::string_view> tokens;
  std::vector<float> scores;                               // SPM, Unigram; empty or one per token
  std::vector<int64_t> types;                              // empty (all normal) or one per token
  std::vector<std::string_view> merges;                    // BPE: "left right", best first
  std::optional<int64_t> bos, eos, eot, unknown;           // of a WordPiece, BOS is [CLS] and EOS is [SEP]
  std::vector<int64_t> ends;                               // further tokens that end an answer
  std::optional<bool> add_bos, add_eos, add_space_prefix;  // absent: the family's habit
  // Unigram: how SentencePiece normalises texts, in its own form; empty for not at all.
  std::string precompiled_charsmap;
  bool remove_extra_whitespaces = true;
  // Whether white space behind a special token in the text is part of it (Phi-3's tokens are trained so).
  bool special_swallows_space = false;
};

struct EncodeOptions {
  bool add_special = true;     // BOS/EOS as the model wants them
  bool parse_special = false;  // whether "<|im_end|>" in the text is that control token or ten characters
  // Ascending offsets in the text at which no control token begins, although parse_special is set.
  std::span<const size_t> literal_at = {};
};

// Immutable after create(), so thread-safe.
class Tokenizer {
 public:
  // Refuses a vocabulary that is not consistent (kMalformed) or whose model or pre-tokenizer is not known
  // (kUnsupported), naming the entry.
  static Result<std::unique_ptr<const Tokenizer>> create(const VocabularySource& source);
  virtual ~Tokenizer() = default;

  // Never fails: bytes that are no UTF-8 go through byte tokens or become the unknown token.
  virtual std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options) const = 0;

  // The bytes that a token adds to the text. Control tokens add nothing unless `special`; ids out of range
  // add nothing. A token may end within a UTF-8 character: see Detokenizer.
  virtual std::string_view token_bytes(TokenId id, bool special) const = 0;

  virtual int64_t vocabulary_size() const = 0;
  virtual std::optional<TokenId> bos() const = 0;
  virtual std::optional<TokenId> eos() const = 0;
  // Tokens after which an answer is complete: EOS, EOT and their kin (<|im_end|>, <|eot_id|>, <end_of_turn>,
  // ...).
  virtual bool ends_generation(TokenId id) const = 0;
  virtual TokenType token_type(TokenId id) const = 0;
  // Whether the first word of a text carries a space that is no part of it (SPM's dummy prefix), so that
  // decoding drops one leading space.
  virtual bool adds_space_prefix() const = 0;

  // The text of a whole sequence: invalid bytes replaced by U+FFFD, the dummy prefix dropped.
  std::string decode(std::span<const TokenId> ids) const;
};

// Turns a stream of tokens into text, emitting whole UTF-8 characters only. One per sequence; not
// thread-safe.
class Detokenizer {
 public:
  // `at_start`: whether the first token begins the text, so that an SPM's dummy prefix is dropped; false when
  // the tokens continue a prompt. The tokenizer must outlive this.
  Detokenizer(const Tokenizer& tokenizer, bool at_start) : tokenizer_(tokenizer), drop_space_(at_start) {}

  // The characters that `id` completes; often empty for tokens that are parts of one.
  std::string push(TokenId id);
  // What is left at the end of the stream: an unfinished character becomes U+FFFD.
  std::string finish();

 private:
  const Tokenizer& tokenizer_;
  bool drop_space_;
  std::string pending_;
};

}  // namespace hearth::text
