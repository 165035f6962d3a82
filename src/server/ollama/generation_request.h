// What /api/generate and /api/chat are asked for, read and checked as far as it can be without the model.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/engine.pb.h"
#include "server/models/model_service.h"
#include "server/wire/json_body.h"

namespace hearth::server::ollama {

enum class Endpoint { kGenerate, kChat };

struct GenerationRequest {
  Endpoint endpoint = Endpoint::kGenerate;
  std::string model;
  bool stream = true;
  bool render_only = false;  // _debug_render_only: the prompt instead of an answer
  bool truncate = false;     // chat: leave out the oldest messages rather than refuse
  LoadWish wish;
  std::vector<std::string> unknown_options;

  // All but prompt, tenant and what the model decides.
  protocol::Generate generate;
  std::optional<protocol::Think> think;  // as asked for

  // For the chat template. Of /api/generate: the system's text and the prompt; empty if the prompt is raw.
  wire::Json messages = wire::Json::array();
  wire::Json tools = wire::Json::array();  // in the form of inference/tools.h; of /api/chat
  bool has_images = false;

  // /api/generate only
  bool raw = false;
  std::string prompt;
  std::string system;
  std::string suffix;
  std::vector<int32_t> context;

  // Nothing is to be said: the model is loaded, or with a keep_alive of 0 unloaded.
  bool loads_only() const {
    return endpoint == Endpoint::kChat ? messages.empty()
                                       : prompt.empty() && suffix.empty() && !has_images && context.empty();
  }
  bool unloads() const { return loads_only() && wish.keep_alive && wish.keep_alive->count() == 0; }
};

// 400 for what is wrong, or asks for what this version cannot do.
wire::ApiResult<GenerationRequest> read_generate_request(std::string_view body);
wire::ApiResult<GenerationRequest> read_chat_request(std::string_view body);

}  // namespace hearth::server::ollama
