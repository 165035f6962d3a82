#include "server/ollama/refusal.h"

#include "base/excerpt.h"
#include "server/http/router.h"

namespace hearth::server::ollama {

http::Response refusal(const wire::ApiError& error) {
  constexpr int kUnavailable = 503;
  http::Response response = http::error_response(http::Dialect::kOllama, error.status, error.message, "");
  if (error.status == kUnavailable) response.headers.emplace_back("Retry-After", "1");
  return response;
}

wire::ApiError without_paths(const OllamaApi& api, std::string_view model, wire::ApiError error) {
  const auto entry = api.models.find(model);
  if (!entry || entry->path.empty()) return error;
  for (size_t at = error.message.find(entry->path); at != std::string::npos;
       at = error.message.find(entry->path, at + entry->name.size())) {
    error.message.replace(at, entry->path.size(), entry->name);
  }
  return error;
}

void note_model(const OllamaApi& api, std::string_view model, http::Responder& responder) {
  if (const auto entry = api.models.find(model)) responder.note_model(entry->name);
}

wire::ApiError lacks_capability(std::string_view model, std::string_view capability, std::string_view why) {
  return {400, fmt::format("{} does not support {}{}{}", quoted_excerpt(model), capability,
                           why.empty() ? "" : ": ", why)};
}

}  // namespace hearth::server::ollama
