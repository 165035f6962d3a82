// Errors as the Anthropic API tells them.
#pragma once

#include <utility>  // which Boost 1.74 forgets

#include "server/async/task.h"
#include "server/http/request.h"
#include "server/http/responder.h"
#include "server/wire/api_error.h"

namespace hearth::server::anthropic {

// Tells it with its status, or as the last event, `error`, of a stream that has begun.
Task<void> send_error(const http::Request& request, http::Responder& responder, wire::ApiError error);

}  // namespace hearth::server::anthropic
