#include "server/ollama/store_access.h"

#include "base/excerpt.h"
#include "server/models/model_store.h"

namespace hearth::server::ollama {

using wire::ApiError;
using wire::ApiResult;

ApiResult<void> check_store(const OllamaApi& api) {
  constexpr int kNotImplemented = 501;
  if (api.store != nullptr) return {};
  return ApiError(kNotImplemented, "the server was given one model, and has no folder to keep others in");
}

ApiResult<std::shared_ptr<const StoredModel>> find_stored(const OllamaApi& api, std::string_view name) {
  HEARTH_TRY(check_store(api));
  if (const auto parsed = store::ModelName::parse(name); !parsed) return ApiError(parsed.error());
  const auto entry = api.models.find(name);
  if (!entry) return ApiError(entry.error());
  if (entry->stored) return entry->stored;
  return ApiError(400,
                  fmt::format("model '{}' is a file in the server's folder of models, and not of its store; "
                              "whoever put it there changes or removes it",
                              excerpt(name)));
}

ApiError store_error(const OllamaApi& api, const Error& error) {
  ApiError told(error);
  const std::string root = api.store->store().root().string();
  for (size_t at = told.message.find(root); at != std::string::npos; at = told.message.find(root, at))
    told.message.replace(at, root.size(), "store");
  return told;
}

}  // namespace hearth::server::ollama
