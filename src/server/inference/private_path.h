// Where the server's files lie is told to nobody.
#pragma once

#include "server/models/model_service.h"
#include "server/wire/api_error.h"

namespace hearth::server::inference {

// The error with the model's name wherever it says the path of its file.
wire::ApiError without_path(wire::ApiError error, const CatalogEntry& entry);

}  // namespace hearth::server::inference
