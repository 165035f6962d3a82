// What a model of the store says of itself beside its weights: the small layers of its manifest.
#pragma once

#include <string>
#include <vector>

#include "server/models/stored_model.h"
#include "server/ollama/generation_request.h"
#include "server/wire/json_text.h"

namespace hearth::server::ollama {

struct StoredLayers {
  std::string template_source;  // often Go's: shown, and not used (docs/store.md)
  std::string system;
  std::vector<std::string> licenses;
  wire::Json parameters = wire::Json::object();  // {"temperature": 0.6, "stop": ["x"]}
  wire::Json messages = wire::Json::array();     // [{"role": ..., "content": ...}]
};

// Reads them, each compared with its digest. 500 where one is damaged or not what it should be.
wire::ApiResult<StoredLayers> read_stored_layers(const StoredModel& model);

// "temperature 0.6\nstop \"x\"", as /api/show and a Modelfile have parameters.
std::vector<std::string> parameter_lines(const wire::Json& parameters);

// Gives the request what the model says and the request does not: options here ...
wire::ApiResult<void> apply_stored_options(const StoredLayers& layers, GenerationRequest& request);
// ... and the system's text and the first messages here. Not to a prompt that is raw or goes on from a
// context.
void apply_stored_messages(const StoredLayers& layers, GenerationRequest& request);

}  // namespace hearth::server::ollama
