// Which model a request is for, and how it should be loaded.
#pragma once

#include <memory>
#include <string>

#include "server/http/responder.h"
#include "server/models/model_service.h"
#include "server/wire/json_body.h"

namespace hearth::server::inference {

struct ModelChoice {
  std::string name;  // as the client wrote it
  LoadWish wish;
};

// `model`, which is required, and two fields that neither OpenAI nor Anthropic has: `num_ctx` and
// `keep_alive`.
ModelChoice read_model_choice(const wire::Field& root);

// What a model must be good for.
enum class Ability { kAny, kChat, kComplete };

// Loads the model, if it can do that, with as much of the context that was wished as it has. The responder is
// told which one it is.
Task<wire::ApiResult<std::unique_ptr<EngineLease>>> acquire_model(ModelService& models, ModelChoice choice,
                                                                  Ability ability,
                                                                  http::Responder& responder);

}  // namespace hearth::server::inference
