// The OpenAI API: /v1/chat/completions, /v1/completions, /v1/embeddings, /v1/models, /v1/responses.
//
// What each endpoint takes, and what it refuses, is in docs/api.md.
#pragma once

#include "server/http/router.h"
#include "server/inference/dependencies.h"
#include "server/openai/response_store.h"

namespace hearth::server::openai {

// The routes keep the store of responses among them. /v1/models answers in Anthropic's shape where the
// request bears `anthropic-version`.
void add_openai_routes(http::Router& router, const inference::Dependencies& dependencies,
                       const ResponseStore::Limits& limits = {});

}  // namespace hearth::server::openai
