// The body of POST /v1/completions.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/engine.pb.h"
#include "server/inference/model_choice.h"
#include "server/openai/generation_options.h"

namespace hearth::server::openai {

struct CompletionRequest {
  inference::ModelChoice model;
  std::vector<protocol::Generate> prompts;  // at least one, which differ in their prompt only
  StreamOptions streaming;
  bool logprobs = false;
  bool echo = false;  // only with prompts that are texts

  size_t n() const { return std::max(prompts.front().n(), 1U); }
};

// 400 names the first field that is wrong.
wire::ApiResult<CompletionRequest> read_completion_request(std::string_view body);

}  // namespace hearth::server::openai
