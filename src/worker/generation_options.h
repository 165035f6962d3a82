// What a Generate call asks, in the engine's terms.
#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "engine/request.h"
#include "protocol/engine.pb.h"

namespace hearth::worker {

// What is absent has its default. kInvalidArgument for an unknown stage; ranges are the engine's to check.
Result<sampling::SamplingOptions> sampling_options_of(const protocol::Sampling& sampling);

// Numbers for tenants: two are the same exactly where their names are. Not thread-safe.
class Tenants {
 public:
  // 0 for the empty name. kInvalidArgument for a name of more than 256 bytes; kResourceExhausted for more
  // tenants than a server has.
  Result<uint64_t> number_of(const std::string& name);

 private:
  std::map<std::string, uint64_t> numbers_;
};

// How far an answer may go.
struct AnswerLimit {
  int64_t max_tokens = -1;     // as of engine::Request
  bool is_of_context = false;  // reaching it means that the context is full
};
// Of a prompt of n_prompt tokens in a context of context_tokens. kResourceExhausted, with the numbers, where
// the context that the call allows itself leaves no room for an answer.
Result<AnswerLimit> answer_limit_of(const protocol::Generate& call, int64_t n_prompt, int64_t context_tokens);

}  // namespace hearth::worker
