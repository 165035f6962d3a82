// The Modelfile that makes a model again.
#pragma once

#include <string>
#include <vector>

#include "server/wire/json_text.h"

namespace hearth::server::ollama {

struct ModelfileParts {
  std::string from;
  std::string template_source;  // of the model's own layer; empty: it has none
  std::string system;
  std::vector<std::string> licenses;
  wire::Json parameters = wire::Json::object();
  wire::Json messages = wire::Json::array();
};

// What a Modelfile cannot say (store::modelfile_quoted) stands in it as a comment.
std::string modelfile_of(const ModelfileParts& parts);

}  // namespace hearth::server::ollama
