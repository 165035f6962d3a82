// What /api/create is asked for.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/ollama/model_files_layers.h"
#include "server/wire/api_error.h"
#include "store/name.h"
#include "store/new_model.h"

namespace hearth::server::ollama {

struct CreateRequest {
  store::ModelName name;
  std::string from;                     // a model of the store, or ...
  std::vector<UploadedFile> files;      // ... these
  std::optional<UploadedFile> adapter;  // of the new model; nothing: that of the model to start from, if any
  store::ModelTexts texts;
  std::string quantize;  // the type that the weights are to have; empty: as they are
  bool stream = true;
};

// 400 naming the field, also for those that this version cannot do.
wire::ApiResult<CreateRequest> read_create_request(std::string_view body);

}  // namespace hearth::server::ollama
