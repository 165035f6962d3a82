// Ollama's native API, for clients that were written for it. What differs on purpose stands in
// docs/api/ollama.md.
#pragma once

#include <string>

#include "server/http/router.h"
#include "server/models/model_service.h"
#include "server/transfers/transfers.h"

namespace hearth::server {
class ModelStore;
}

namespace hearth::server::ollama {

// What the handlers work with. The services and the store must outlive the router.
struct OllamaApi {
  ModelService& models;
  std::string version;                   // of Hearth, as /api/version tells it
  ModelStore* store = nullptr;           // of `models`; null: there is no folder for one
  TransferService* transfers = nullptr;  // null: nothing is pulled or pushed
};

void add_ollama_routes(http::Router& router, const OllamaApi& api);

}  // namespace hearth::server::ollama
