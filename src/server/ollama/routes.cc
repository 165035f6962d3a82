#include "server/ollama/routes.h"

#include "server/ollama/handlers.h"
#include "store/manifest.h"

namespace hearth::server::ollama {
namespace {

using HandlerFunction = Task<void> (*)(OllamaApi, const http::Request&, http::Responder&);

struct OllamaRoute {
  http::Method method;
  const char* pattern;
  http::Scope scope;
  HandlerFunction handler;
  uint64_t streamed_body_bytes = 0;
};

using http::Method;
using http::Scope;

// A GET route answers HEAD too. Of Ollama's routes, those that need an account in its cloud are absent.
constexpr OllamaRoute kRoutes[] = {
    {Method::kGet, "/", Scope::kPublic, say_hello},
    {Method::kGet, "/api/version", Scope::kInference, tell_version},
    {Method::kGet, "/api/status", Scope::kInference, tell_status},
    {Method::kPost, "/api/generate", Scope::kInference, generate},
    {Method::kPost, "/api/chat", Scope::kInference, chat},
    {Method::kPost, "/api/embed", Scope::kInference, embed},
    {Method::kPost, "/api/embeddings", Scope::kInference, embeddings},
    {Method::kGet, "/api/tags", Scope::kInference, list_models},
    {Method::kGet, "/api/ps", Scope::kInference, list_running},
    {Method::kPost, "/api/show", Scope::kInference, show_model},
    {Method::kPost, "/api/create", Scope::kManage, create_model},
    {Method::kPost, "/api/pull", Scope::kManage, pull},
    {Method::kPost, "/api/push", Scope::kManage, push},
    {Method::kPost, "/api/copy", Scope::kManage, copy_model},
    {Method::kDelete, "/api/delete", Scope::kManage, delete_model},
    {Method::kHead, "/api/blobs/{digest}", Scope::kManage, find_blob},
    {Method::kPost, "/api/blobs/{digest}", Scope::kManage, put_blob, store::kMaxBlobBytes},
};

}  // namespace

void add_ollama_routes(http::Router& router, const OllamaApi& api) {
  for (const OllamaRoute& route : kRoutes) {
    router.add({.method = route.method,
                .pattern = route.pattern,
                .scope = route.scope,
                .dialect = http::Dialect::kOllama,
                .handler = [api, handler = route.handler](
                               const http::Request& request,
                               http::Responder& responder) { return handler(api, request, responder); },
                .streamed_body_bytes = route.streamed_body_bytes});
  }
}

}  // namespace hearth::server::ollama
