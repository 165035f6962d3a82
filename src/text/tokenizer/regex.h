// Regular expressions over UTF-8, run by PCRE2 with Unicode's character classes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/result.h"

struct pcre2_real_code_8;
struct pcre2_real_jit_stack_8;
struct pcre2_real_match_context_8;
struct pcre2_real_match_data_8;

namespace hearth::text {

// Immutable, so thread-safe; the working memory of matching is a Matcher.
class Regex {
 public:
  // Whether ^ and $ match at every line, as in Ruby, or at the ends of the text only.
  enum class Anchors { kText, kLines };
  // kUnsupported, with PCRE2's reason, for what does not compile.
  static Result<Regex> compile(std::string_view expression, Anchors anchors = Anchors::kText);

  struct Match {
    size_t begin;
    size_t end;
  };

  class Matcher {
   public:
    explicit Matcher(const Regex& regex);

    // The first match in `text` at or after `from`; it may be empty. `text` must be valid UTF-8. Expressions
    // of a file may be made to run for ever: where one exceeds its limits, nothing matches, and after a few
    // such searches nothing ever matches again.
    std::optional<Match> find(std::string_view text, size_t from) noexcept;

   private:
    struct FreeMatchData {
      void operator()(pcre2_real_match_data_8* data) const noexcept;
    };
    struct FreeContext {
      void operator()(pcre2_real_match_context_8* context) const noexcept;
    };
    struct FreeStack {
      void operator()(pcre2_real_jit_stack_8* stack) const noexcept;
    };
    int match(std::string_view text, size_t from, uint32_t options) noexcept;

    const Regex* regex_;
    std::unique_ptr<pcre2_real_match_data_8, FreeMatchData> match_data_;
    std::unique_ptr<pcre2_real_match_context_8, FreeContext> context_;
    std::unique_ptr<pcre2_real_jit_stack_8, FreeStack> stack_;  // made where the usual one does not do
    int n_given_up_ = 0;
  };

 private:
  struct FreeCode {
    void operator()(pcre2_real_code_8* code) const noexcept;
  };
  std::unique_ptr<pcre2_real_code_8, FreeCode> code_;
};

}  // namespace hearth::text
