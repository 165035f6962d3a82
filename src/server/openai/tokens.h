// What the OpenAI API tells of tokens: how many there were, and how probable.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "protocol/engine.pb.h"

namespace hearth::server::openai {

using nlohmann::ordered_json;
using TokenLogprobs = google::protobuf::RepeatedPtrField<protocol::TokenLogprob>;

// Of a request: its prompts once each, all of its answers.
class Usage {
 public:
  // Answers to one prompt come with the prompt's figures each: they count for answer 0 alone.
  void add(const protocol::Finished& finished);

  int64_t output_tokens() const noexcept { return generated_; }

  // {prompt_tokens, completion_tokens, total_tokens, ..._details}
  ordered_json completion() const;
  // {input_tokens, output_tokens, total_tokens, ..._details}, as responses have it
  ordered_json response() const;

 private:
  int64_t prompt_ = 0;
  int64_t cached_ = 0;
  int64_t generated_ = 0;
  std::optional<int64_t> thinking_;
};

// {token, logprob, bytes, top_logprobs}. Bytes that are no UTF-8 are U+FFFD in `token`; `bytes` has them.
ordered_json token_logprob(const protocol::TokenLogprob& token);

// Appends to [{token, ...}].
void append_logprobs(ordered_json& content, const TokenLogprobs& tokens);

// The older shape, of /v1/completions: {tokens, token_logprobs, top_logprobs, text_offset}.
class LegacyLogprobs {
 public:
  // `offset`: characters of text before the first token.
  explicit LegacyLogprobs(int64_t offset = 0) : offset_(offset) { clear(); }

  void append(const TokenLogprobs& tokens);
  // What was appended since the last call.
  ordered_json take();

 private:
  void clear();

  ordered_json value_;
  int64_t offset_;
};

// Code points of UTF-8.
int64_t count_characters(std::string_view text);

}  // namespace hearth::server::openai
