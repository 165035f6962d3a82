// What neither Ollama's, nor OpenAI's, nor Anthropic's API has: tokens and texts, and the order of documents.
//
//   POST /tokenize, /v1/tokenize       as llama.cpp's server
//   POST /detokenize, /v1/detokenize
//   POST /rerank, /v1/rerank           as Jina's and Cohere's, by the vectors of an embedding model
//
// What each endpoint takes, and what it refuses, is in docs/api.md. Errors have OpenAI's shape.
#pragma once

#include <utility>  // which Boost 1.74 forgets

#include "server/http/router.h"
#include "server/inference/dependencies.h"

namespace hearth::server::extras {

void add_extra_routes(http::Router& router, const inference::Dependencies& dependencies);

}  // namespace hearth::server::extras
