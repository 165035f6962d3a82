// Cuts text into the words within which a byte-level BPE merges. What a word is depends on the model: the
// table of rules is pre_tokenizer_rules.cc.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"

struct pcre2_real_code_8;
struct pcre2_real_match_data_8;

namespace hearth::text {

// How tokenizer.ggml.pre names a way to cut text.
struct PreTokenizerRule {
  std::vector<std::string_view> names;
  // Each expression cuts what the one before it left; what lies between two matches is a word as well.
  std::vector<const char*> expressions;
  bool ignore_merges = false;  // a word that is itself a token is taken whole, whatever the merges say
  bool add_bos = false;        // where the file does not say
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
        const Run run = next_run(text);
        if (run.valid) {
          split_from(0, text.substr(0, run.size), emit);
        } else {
          emit(text.substr(0, run.size));
        }
        text.remove_prefix(run.size);
      }
    }

   private:
    struct Run {
      size_t size;
      bool valid;
    };
    struct Match {
      size_t begin;
      size_t end;
    };
    // The bytes at the front of `text` that are all valid UTF-8, or all not.
    static Run next_run(std::string_view text) noexcept;
    // The first match in `text` at or after `from`; an empty one at the end if there is none.
    Match next_match(size_t expression, std::string_view text, size_t from) const noexcept;

    template <typename Emit>
    void split_from(size_t expression, std::string_view text, const Emit& emit) {
      if (expression == pre_tokenizer_.codes_.size()) return emit(text);
      for (size_t at = 0; at < text.size();) {
        const Match match = next_match(expression, text, at);
        if (match.begin > at) split_from(expression + 1, text.substr(at, match.begin - at), emit);
        if (match.end > match.begin) {
          split_from(expression + 1, text.substr(match.begin, match.end - match.begin), emit);
        }
        at = match.end;
      }
    }

    struct FreeMatchData {
      void operator()(pcre2_real_match_data_8* data) const noexcept;
    };
    const PreTokenizer& pre_tokenizer_;
    std::unique_ptr<pcre2_real_match_data_8, FreeMatchData> match_data_;
  };

 private:
  struct FreeCode {
    void operator()(pcre2_real_code_8* code) const noexcept;
  };
  std::vector<std::unique_ptr<pcre2_real_code_8, FreeCode>> codes_;
};

}  // namespace hearth::text
