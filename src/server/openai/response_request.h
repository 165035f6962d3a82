// The body of POST /v1/responses.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocol/engine.pb.h"
#include "server/inference/model_choice.h"

namespace hearth::server::openai {

struct ResponseRequest {
  inference::ModelChoice model;
  protocol::Generate generate;  // all but the conversation
  wire::Json items;             // of the input, as response_items.h has them
  wire::Json tools;             // that the model is told of, as inference/tools.h has them
  std::optional<std::string> instructions;
  std::string previous_response_id;  // empty: none
  bool stream = false;
  bool store = true;
  wire::Json echo;  // the members of the response that repeat the request
};

// 400 names the first field that is wrong.
wire::ApiResult<ResponseRequest> read_response_request(std::string_view body);

}  // namespace hearth::server::openai
