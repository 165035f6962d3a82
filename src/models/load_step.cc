#include "models/load_step.h"

namespace hearth::models {

ObservedCheckpoint::ObservedCheckpoint(const Checkpoint& inner, const OnLoadStep& on_step)
    : inner_(inner), on_step_(on_step) {
  for (const gguf::TensorInfo& tensor : inner.tensors()) total_bytes_ += tensor.size_bytes;
  tell();
}

Result<std::span<const std::byte>> ObservedCheckpoint::data(const gguf::TensorInfo& tensor) const {
  HEARTH_ASSIGN(const std::span<const std::byte> data, inner_.data(tensor));
  // Some are asked for in parts.
  if (seen_.insert(&tensor).second) {
    completed_bytes_ += tensor.size_bytes;
    tell();
  }
  return data;
}

void ObservedCheckpoint::tell() const {
  if (on_step_)
    on_step_({.stage = "reading weights", .completed_bytes = completed_bytes_, .total_bytes = total_bytes_});
}

}  // namespace hearth::models
