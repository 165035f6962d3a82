// What the blocks of a model share while one step passes through them.
#pragma once

#include "models/model.h"
#include "tensor/backend.h"

namespace hearth::models {

struct StepContext {
  tensor::Backend& backend;
  Workspace& workspace;
  const StepInput& input;
  std::span<const tensor::SequenceRows> sequences;  // with the block tables of the layer's KV group

  int64_t n_rows() const noexcept { return static_cast<int64_t>(input.tokens.size()); }
};

}  // namespace hearth::models
