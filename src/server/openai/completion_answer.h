// Answers of a model as POST /v1/completions tells them: whole, or in chunks.
#pragma once

#include <vector>

#include "server/openai/answer_head.h"
#include "server/openai/completion_request.h"
#include "server/openai/tokens.h"

namespace hearth::server::openai {

// The choices of a request: n for each prompt, in the order of the prompts. What the model thinks is not told
// apart from what it says: a completion is the text that follows.
class CompletionAnswer {
 public:
  CompletionAnswer(AnswerHead head, const CompletionRequest& request);

  // Of prompt number `prompt`. As an event, where there is anything to tell.
  std::string delta_event(size_t prompt, const protocol::Delta& delta);
  void append(size_t prompt, const protocol::Delta& delta);

  // The prompts themselves, where they are to be echoed.
  std::string begin_events();
  // Why the answers to a prompt ended.
  std::string finish_events(size_t prompt, const std::vector<protocol::Finished>& answers);
  // The usage, where it was asked for, and the end.
  std::string end_events() const;

  void finish(size_t prompt, const std::vector<protocol::Finished>& answers);
  wire::Json whole() const;

 private:
  struct Choice {
    std::string text;
    wire::Json logprobs = LegacyLogprobs().take();
    LegacyLogprobs next_logprobs;
    std::string_view finish_reason;
  };

  // Null for an answer that was not asked for.
  Choice* choice_of(size_t prompt, uint32_t answer);
  size_t index_of(size_t prompt, uint32_t answer) const { return prompt * n_ + answer; }
  std::string event(size_t index, std::string_view text, wire::Json logprobs, wire::Json finish_reason) const;

  AnswerHead head_;
  size_t n_;
  bool logprobs_;
  bool include_usage_;
  std::vector<std::string> echoes_;  // of the prompts; empty: none
  std::vector<Choice> choices_;
  Usage usage_;
};

}  // namespace hearth::server::openai
