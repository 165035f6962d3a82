// Answers of a model as POST /v1/chat/completions tells them: whole, or in chunks.
#pragma once

#include <vector>

#include "server/inference/tool_calls.h"
#include "server/openai/answer_head.h"
#include "server/openai/tokens.h"

namespace hearth::server::openai {

// {"role": "assistant", "content": ...} of each choice, as it grows.
class ChatAnswer {
 public:
  ChatAnswer(AnswerHead head, size_t n_choices, bool logprobs);

  // An answer out of the range of choices is none of ours, and passed over.
  void append(const protocol::Delta& delta);
  // chat.completion
  wire::Json finish(const std::vector<protocol::Finished>& answers) const;

 private:
  struct Choice {
    std::string content;
    std::string reasoning;
    wire::Json logprobs = wire::Json::array();
    inference::ToolCalls calls{"call_"};
  };

  AnswerHead head_;
  std::vector<Choice> choices_;
  bool logprobs_;
};

// Makes the events of a stream: each is a chat.completion.chunk.
class ChatChunks {
 public:
  ChatChunks(AnswerHead head, size_t n_choices, bool logprobs, bool include_usage)
      : head_(std::move(head)),
        calls_(n_choices, inference::ToolCalls("call_")),
        logprobs_(logprobs),
        include_usage_(include_usage) {}

  // The role of each choice.
  std::string begin() const;
  // Empty where there is nothing to tell.
  std::string delta(const protocol::Delta& delta);
  // Why each choice ended, and the usage where it was asked for.
  std::string finish(const std::vector<protocol::Finished>& answers) const;

 private:
  std::string chunk(wire::Json choice) const;
  // Of a choice that goes on.
  std::string chunk(uint32_t index, wire::Json delta, wire::Json logprobs = nullptr) const;
  std::string call_chunks(uint32_t index, const protocol::ToolCallPart& part);

  AnswerHead head_;
  std::vector<inference::ToolCalls> calls_;  // of each choice
  bool logprobs_;
  bool include_usage_;
};

}  // namespace hearth::server::openai
