// From what was asked to what the engine is given to continue.
#pragma once

#include <string>

#include "server/http/responder.h"
#include "server/models/model_service.h"
#include "server/ollama/generation_request.h"
#include "server/wire/api_error.h"

namespace hearth::server::ollama {

// Sets request.generate's prompt. Asks the engine where that needs the tokenizer: for a `context` to go on
// with, and for `truncate`, which leaves out the oldest messages, but no system's and not the last, until the
// rest fits.
Task<wire::ApiResult<void>> prepare_prompt(EngineLease& lease, http::Responder& responder,
                                           GenerationRequest& request);

// The text that the model would be given.
Task<wire::ApiResult<std::string>> render_prompt(EngineLease& lease, http::Responder& responder,
                                                 const GenerationRequest& request);

}  // namespace hearth::server::ollama
