// The Anthropic API: /v1/messages and /v1/messages/count_tokens. /v1/models is OpenAI's too, and stands
// there.
//
// What each endpoint takes, and what it refuses, is in docs/api.md.
#pragma once

#include <utility>  // which Boost 1.74 forgets

#include "server/http/router.h"
#include "server/inference/dependencies.h"

namespace hearth::server::anthropic {

void add_anthropic_routes(http::Router& router, const inference::Dependencies& dependencies);

}  // namespace hearth::server::anthropic
