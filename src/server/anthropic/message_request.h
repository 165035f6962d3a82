// The bodies of POST /v1/messages and /v1/messages/count_tokens.
#pragma once

#include <string>
#include <string_view>

#include "protocol/engine.pb.h"
#include "server/inference/model_choice.h"

namespace hearth::server::anthropic {

struct MessageRequest {
  // What the request says of thinking. Nothing at all means that none is wanted.
  enum class Thinking { kNone, kAsTheModelDoes, kWanted };

  inference::ModelChoice model;
  protocol::Generate generate;
  Thinking thinking = Thinking::kNone;
  std::string effort;  // of output_config
  bool stream = false;
};

// 400 names the first field that is wrong.
wire::ApiResult<MessageRequest> read_message_request(std::string_view body);
// The same without max_tokens and what else counting has no use for.
wire::ApiResult<MessageRequest> read_count_request(std::string_view body);

// What the engine is told of thinking, now that it is known whether the model can. 400 where it is wanted and
// cannot be had.
wire::ApiResult<void> settle_thinking(const protocol::Opened& description, MessageRequest& request);

}  // namespace hearth::server::anthropic
