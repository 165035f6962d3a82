// Thinking apart from the answer.
//
// Models that think write down their thoughts before the answer, between marks of their own: <think> and
// </think>, a channel, or just a heading. Which marks these are is read from the chat template, never from a
// model's name.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer/tokenizer.h"

namespace hearth::text {

// How a model's thinking is set apart.
struct ReasoningFormat {
  std::string open;                // "<think>"; a prompt that ends with it has begun the thinking
  std::string close;               // "</think>"
  std::vector<std::string> frame;  // marks around the answer, which are no part of it: "<response>"
  // Whether `open` can come after a part of the answer: where it consists of control tokens, no text can
  // forge it. Otherwise it is looked for only at the beginning, so that an answer may speak about "<think>".
  bool open_anywhere = false;
};

// The format of a template's source, or where that says nothing, of a vocabulary that has such marks as
// tokens. Nothing: neither knows of any thinking.
std::optional<ReasoningFormat> find_reasoning_format(std::string_view template_source);
std::optional<ReasoningFormat> find_reasoning_format(std::string_view template_source,
                                                     const Tokenizer& tokenizer);

// The control tokens that the marks consist of. They must leave their names in the text
// (engine::Request::visible_control_tokens), or the marks cannot be seen.
std::vector<TokenId> mark_tokens(const ReasoningFormat& format, const Tokenizer& tokenizer);

// Whether the answer to a rendered prompt begins inside of the thinking.
bool begins_thinking(const ReasoningFormat& format, std::string_view rendered_prompt);

// Divides an answer, as it streams, into thinking and content. The marks are dropped, and so is the white
// space around them: after any mark, before the end of the thinking, and before marks of the frame. Holds
// back only what may yet become a mark, and white space that may be dropped. How the text is cut into pieces
// changes nothing. Not thread-safe.
class ReasoningParser {
 public:
  enum class Kind { kContent, kThinking };
  struct Piece {
    Kind kind;
    std::string text;
    bool operator==(const Piece&) const = default;
  };

  // `thinking`: begins_thinking() of the prompt.
  ReasoningParser(ReasoningFormat format, bool thinking);

  // What is certain after `text`, at most one piece of a kind in a row. None is empty.
  std::vector<Piece> push(std::string_view text);
  // What was held back, at the end of the answer.
  std::vector<Piece> finish();

 private:
  enum class Mark { kOpen, kClose, kFrame };
  struct Found {
    size_t at = 0;
    std::string_view mark;
    Mark kind = Mark::kOpen;
  };

  template <typename Visit>
  void visit_marks(const Visit& visit) const;
  std::optional<Found> find_mark() const;
  bool may_open_at(size_t at) const;
  size_t n_certain() const;
  void write(std::string_view text, std::vector<Piece>& pieces);
  void append(std::string_view text, std::vector<Piece>& pieces) const;
  void pass(Mark mark, std::vector<Piece>& pieces);

  const ReasoningFormat format_;
  bool thinking_;
  bool at_start_ = true;   // nothing but white space since the last mark
  bool anything_ = false;  // content has come
  bool skips_space_;
  std::string space_;  // that may be dropped
  std::string held_;   // that may become a mark
};

}  // namespace hearth::text
