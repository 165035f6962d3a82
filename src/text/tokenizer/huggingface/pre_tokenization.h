// "pre_tokenizer" of tokenizer.json: how a normalised text is cut into the words that the model encodes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/tokenizer/huggingface/json_place.h"
#include "text/tokenizer/regex.h"
#include "text/tokenizer/word_encoder.h"

namespace hearth::text {

// What becomes of the parts of a text that match a pattern.
enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

// Immutable once read, so thread-safe; the working memory of a call is a PreTokenization::Session.
class PreTokenization {
 public:
  // Makes the whole text one word.
  PreTokenization() = default;
  // kUnsupported for a type that Hearth does not know.
  static Result<PreTokenization> read(const JsonPlace& place);

  // Whether words reach the model in the byte alphabet.
  bool gives_byte_alphabet() const noexcept;
  // For a model that takes bytes: words are written in the byte alphabet only where a later step looks at it,
  // and undone before they reach the model.
  void give_bytes();

  class Session {
   public:
    Session(const PreTokenization& steps, WordEncoder::Session& encoder);

    // Appends the tokens of the words of `text`. `at_start`: whether the text that a caller gave begins here.
    void encode(std::string_view text, bool at_start, std::vector<TokenId>& out);

   private:
    void run(size_t step, std::string_view piece, bool at_start, std::vector<TokenId>& out);
    void emit(std::string_view word, std::vector<TokenId>& out);
    void split(size_t step, std::string_view piece, bool at_start, std::vector<TokenId>& out);
    template <typename NextMatch>
    void split_by(size_t step, std::string_view piece, bool at_start, std::vector<TokenId>& out,
                  const NextMatch& next_match);
    void run_metaspace(size_t step, std::string_view piece, bool at_start, std::vector<TokenId>& out);
    void group_digits(size_t step, std::string_view piece, bool at_start, std::vector<TokenId>& out);

    const PreTokenization& steps_;
    WordEncoder::Session& encoder_;
    std::vector<Regex::Matcher> matchers_;  // one per step; of those without an expression never used
    std::vector<std::string> scratch_;      // one per step
    std::string bytes_;
  };

 private:
  enum class Kind {
    kExpression,    // cut where an expression matches
    kCharacters,    // cut where characters are of a class
    kSpacePrefix,   // a space before a piece that begins with none
    kByteAlphabet,  // each byte as a character
    kMetaspace,     // spaces become a marker, and words begin at it
    kDigitGroups,   // cut runs of digits into groups of three, counted from their ends
  };
  enum class PrependScheme { kAlways, kFirst, kNever };
  struct Step {
    Kind kind = Kind::kExpression;
    Regex regex;                                    // kExpression
    bool (*is_match)(char32_t) noexcept = nullptr;  // kCharacters
    SplitBehavior behavior = SplitBehavior::kIsolated;
    bool invert = false;
    std::string marker;  // kMetaspace
    PrependScheme scheme = PrependScheme::kAlways;
    bool cuts = true;
  };

  Result<void> add(const JsonPlace& place, int depth);
  Result<void> add_byte_level(const JsonPlace& place);
  Result<void> add_split(const JsonPlace& place);
  Result<void> add_metaspace(const JsonPlace& place);
  Result<void> add_expression(std::string_view expression, SplitBehavior behavior, bool invert);
  void add_characters(bool (*is_match)(char32_t) noexcept, SplitBehavior behavior);

  std::vector<Step> steps_;
  bool undo_byte_alphabet_ = false;
};

}  // namespace hearth::text
