// Errors in Ollama's shape.
#pragma once

#include <string>
#include <string_view>

#include "server/http/responder.h"
#include "server/ollama/routes.h"
#include "server/wire/api_error.h"

namespace hearth::server::ollama {

// {"error": message}, and with 503 when to come again.
http::Response refusal(const wire::ApiError& error);

// `error` as clients may see it: the model's file is called by the model's name.
wire::ApiError without_paths(const OllamaApi& api, std::string_view model, wire::ApiError error);

// Tells the responder which model that is, if there is one.
void note_model(const OllamaApi& api, std::string_view model, http::Responder& responder);

// 400 "m" does not support thinking; and `why`, where it is not empty.
wire::ApiError lacks_capability(std::string_view model, std::string_view capability,
                                std::string_view why = {});

}  // namespace hearth::server::ollama
