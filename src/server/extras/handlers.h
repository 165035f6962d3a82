// The handlers behind routes.h. What they are given must outlive the tasks.
#pragma once

#include <utility>  // which Boost 1.74 forgets

#include "server/http/request.h"
#include "server/http/responder.h"
#include "server/inference/dependencies.h"

namespace hearth::server::extras {

using inference::Dependencies;

Task<void> tokenize(const Dependencies& deps, const http::Request& request, http::Responder& responder);
Task<void> detokenize(const Dependencies& deps, const http::Request& request, http::Responder& responder);
Task<void> rerank(const Dependencies& deps, const http::Request& request, http::Responder& responder);

}  // namespace hearth::server::extras
