#include "server/inference/private_path.h"

namespace hearth::server::inference {

wire::ApiError without_path(wire::ApiError error, const CatalogEntry& entry) {
  if (entry.path.empty()) return error;
  for (size_t at = error.message.find(entry.path); at != std::string::npos;
       at = error.message.find(entry.path, at + entry.name.size())) {
    error.message.replace(at, entry.path.size(), entry.name);
  }
  return error;
}

}  // namespace hearth::server::inference
