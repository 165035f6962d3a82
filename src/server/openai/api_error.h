// Errors as the OpenAI API tells them, with the field at fault as `param`.
#pragma once

#include <utility>  // which Boost 1.74 forgets

#include "server/async/task.h"
#include "server/http/request.h"
#include "server/http/responder.h"
#include "server/wire/api_error.h"
#include "server/wire/json_text.h"

namespace hearth::server::openai {

// {"error": {message, type, param, code}}
wire::Json error_body(const wire::ApiError& error);

// Tells it with its status, or within a stream that has begun as an event, which is then the last.
Task<void> send_error(http::Responder& responder, wire::ApiError error);

}  // namespace hearth::server::openai
