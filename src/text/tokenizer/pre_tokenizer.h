// Cuts text into the words within which a BPE merges. What a word is depends on the model: the
// table of rules is pre_tokenizer_rules.cc.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/tokenizer/regex.h"
#include "text/tokenizer/unicode.h"
#include "text/tokenizer/vocabulary.h"

namespace hearth::text {

// What tokenizer.ggml.pre names: a way to cut text, and the habits of the vocabularies that go with it.
struct PreTokenizerRule {
  std::vector<std::string_view> names;
  // Each expression cuts what the one before it left; what lies between two matches is a word as well.
  std::vector<const char*> expressions;
  bool ignore_merges = false;  // a word that is itself a token is taken whole, whatever the merges say
  bool add_bos = false;        // where the file does not say
  // What the vocabulary is spelled in: the byte alphabet of a BPE over bytes, or SentencePiece's markers of
  // one over characters. The text that is cut has plain spaces either way.
  Vocabulary::Spelling spelling = Vocabulary::Spelling::kByteAlphabet;
  bool whole_newlines = false;  // newlines in a row that are together a token are taken whole
  bool always_add_bos = false;  // whatever the file says
};

// Null for a name that is not known. An absent name is that of the rule "default".
const PreTokenizerRule* find_pre_tokenizer_rule(std::string_view name);
std::span<const PreTokenizerRule> pre_tokenizer_rules();

// Immutable, so thread-safe; the working memory of a call is a PreTokenizer::Session.
class PreTokenizer {
 public:
  static Result<PreTokenizer> create(const PreTokenizerRule& rule);

  class Session {
   public:
    explicit Session(const PreTokenizer& pre_tokenizer);

    // Calls emit(word) for one word after another; together they are `text`. Bytes that are no UTF-8 are
    // words of their own.
    template <typename Emit>
    void split(std::string_view text, const Emit& emit) {
      while (!text.empty()) {
        const Utf8Run run = next_utf8_run(text);
        if (run.valid) {
          split_from(0, text.substr(0, run.size), emit);
        } else {
          emit(text.substr(0, run.size));
        }
        text.remove_prefix(run.size);
      }
    }

   private:
    // The first match in `text` at or after `from`; an empty one at the end if there is none.
    Regex::Match next_match(size_t expression, std::string_view text, size_t from) noexcept;

    template <typename Emit>
    void split_from(size_t expression, std::string_view text, const Emit& emit) {
      if (expression == matchers_.size()) return emit(text);
      for (size_t at = 0; at < text.size();) {
        const Regex::Match match = next_match(expression, text, at);
        if (match.begin > at) split_from(expression + 1, text.substr(at, match.begin - at), emit);
        if (match.end > match.begin) {
          split_from(expression + 1, text.substr(match.begin, match.end - match.begin), emit);
        }
        at = match.end;
      }
    }

    std::vector<Regex::Matcher> matchers_;
  };

 private:
  std::vector<Regex> expressions_;
};

}  // namespace hearth::text
