// The handlers behind routes.h. What they are given must outlive the tasks.
#pragma once

#include "server/http/request.h"
#include "server/http/responder.h"
#include "server/inference/dependencies.h"
#include "server/openai/response_store.h"

namespace hearth::server::openai {

using inference::Dependencies;

Task<void> answer_chat(const Dependencies& deps, const http::Request& request, http::Responder& responder);
Task<void> answer_completion(const Dependencies& deps, const http::Request& request,
                             http::Responder& responder);
Task<void> answer_embeddings(const Dependencies& deps, const http::Request& request,
                             http::Responder& responder);

Task<void> list_models(const Dependencies& deps, const http::Request& request, http::Responder& responder);
// The parameter is the model's name.
Task<void> show_model(const Dependencies& deps, const http::Request& request, http::Responder& responder);

Task<void> create_response(const Dependencies& deps, ResponseStore& store, const http::Request& request,
                           http::Responder& responder);
// The parameter of these is the response's id.
Task<void> show_response(const Dependencies& deps, ResponseStore& store, const http::Request& request,
                         http::Responder& responder);
Task<void> delete_response(const Dependencies& deps, ResponseStore& store, const http::Request& request,
                           http::Responder& responder);
Task<void> list_input_items(const Dependencies& deps, ResponseStore& store, const http::Request& request,
                            http::Responder& responder);

}  // namespace hearth::server::openai
