// The body of POST /v1/chat/completions.
#pragma once

#include <string_view>

#include "protocol/engine.pb.h"
#include "server/inference/model_choice.h"
#include "server/openai/generation_options.h"

namespace hearth::server::openai {

struct ChatRequest {
  inference::ModelChoice model;
  protocol::Generate generate;
  StreamOptions streaming;
};

// 400 names the first field that is wrong.
wire::ApiResult<ChatRequest> read_chat_request(std::string_view body);

}  // namespace hearth::server::openai
