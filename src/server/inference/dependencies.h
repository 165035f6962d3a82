// What the handlers of an API need of the server around them.
#pragma once

#include <functional>

#include "server/models/model_service.h"

namespace hearth::server::inference {

struct Dependencies {
  ModelService* models = nullptr;  // outlives the routes
  std::function<WallTime()> now = [] { return std::chrono::system_clock::now(); };
};

}  // namespace hearth::server::inference
