// The store behind the API, for the routes that change it.
#pragma once

#include <memory>
#include <string_view>

#include "server/models/stored_model.h"
#include "server/ollama/routes.h"
#include "server/wire/api_error.h"

namespace hearth::server::ollama {

// 501 where the server has none: it was given one model, not a folder.
wire::ApiResult<void> check_store(const OllamaApi& api);

// The model of the store that a client's name stands for. 404; 400 where it is a file of the models' folder,
// which is not the server's to change.
wire::ApiResult<std::shared_ptr<const StoredModel>> find_stored(const OllamaApi& api, std::string_view name);

// An error of the store as clients may see it: the store's folder is called "store".
wire::ApiError store_error(const OllamaApi& api, const Error& error);

}  // namespace hearth::server::ollama
