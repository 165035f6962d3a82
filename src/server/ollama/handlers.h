// The handlers behind the routes, by file. Each takes its OllamaApi by value: a coroutine outlives its
// caller.
#pragma once

#include "server/http/request.h"
#include "server/http/responder.h"
#include "server/ollama/routes.h"

namespace hearth::server::ollama {

// generation_routes.cc
Task<void> generate(OllamaApi api, const http::Request& request, http::Responder& responder);
Task<void> chat(OllamaApi api, const http::Request& request, http::Responder& responder);

// embed_routes.cc
Task<void> embed(OllamaApi api, const http::Request& request, http::Responder& responder);
Task<void> embeddings(OllamaApi api, const http::Request& request, http::Responder& responder);

// transfer_routes.cc
Task<void> pull(OllamaApi api, const http::Request& request, http::Responder& responder);
Task<void> push(OllamaApi api, const http::Request& request, http::Responder& responder);

// model_routes.cc
Task<void> list_models(OllamaApi api, const http::Request& request, http::Responder& responder);
Task<void> list_running(OllamaApi api, const http::Request& request, http::Responder& responder);
Task<void> show_model(OllamaApi api, const http::Request& request, http::Responder& responder);
Task<void> tell_version(OllamaApi api, const http::Request& request, http::Responder& responder);
Task<void> tell_status(OllamaApi api, const http::Request& request, http::Responder& responder);
Task<void> say_hello(OllamaApi api, const http::Request& request, http::Responder& responder);

// blob_routes.cc
Task<void> find_blob(OllamaApi api, const http::Request& request, http::Responder& responder);
Task<void> put_blob(OllamaApi api, const http::Request& request, http::Responder& responder);

// create_routes.cc
Task<void> create_model(OllamaApi api, const http::Request& request, http::Responder& responder);

// store_routes.cc
Task<void> copy_model(OllamaApi api, const http::Request& request, http::Responder& responder);
Task<void> delete_model(OllamaApi api, const http::Request& request, http::Responder& responder);

}  // namespace hearth::server::ollama
