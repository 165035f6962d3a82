#include "server/extras/routes.h"

#include "server/extras/handlers.h"

namespace hearth::server::extras {

void add_extra_routes(http::Router& router, const Dependencies& dependencies) {
  const auto add = [&](const std::string& pattern, auto handler) {
    router.add({.method = http::Method::kPost,
                .pattern = pattern,
                .scope = http::Scope::kInference,
                .dialect = http::Dialect::kOpenAi,
                .handler = [dependencies, handler](const http::Request& request, http::Responder& responder) {
                  return handler(dependencies, request, responder);
                }});
  };
  for (const char* prefix : {"", "/v1"}) {
    add(std::string(prefix) + "/tokenize", tokenize);
    add(std::string(prefix) + "/detokenize", detokenize);
    add(std::string(prefix) + "/rerank", rerank);
  }
}

}  // namespace hearth::server::extras
