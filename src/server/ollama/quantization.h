// Weights of another type for /api/create.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "server/models/model_service.h"
#include "server/ollama/routes.h"
#include "server/wire/api_error.h"
#include "server/wire/json_text.h"
#include "store/blob_writer.h"
#include "store/manifest.h"

namespace hearth::server::ollama {

struct QuantizedWeights {
  store::Layer layer;
  std::string type;                         // "Q4_K_M"
  std::shared_ptr<store::BlobWriter> held;  // as long as it lives, the blob counts as in use
};

// What Ollama's clients are told meanwhile; false: nobody listens any more.
using TellProgress = std::function<Task<bool>(wire::Json record)>;

// Has an engine process write the entry's weights, a GGUF file that `opened` describes, into a new blob of
// the store. 400 for a type that there is none of, and for a model that cannot be quantised.
Task<wire::ApiResult<QuantizedWeights>> quantize_weights(OllamaApi api, CatalogEntry entry,
                                                         protocol::Opened opened, std::string type,
                                                         TellProgress tell);

}  // namespace hearth::server::ollama
