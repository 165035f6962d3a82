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

  // Backend::matmul and matmul_experts, each row by its phase.
  //   x, experts, out: rows are the step's
  void matmul(const tensor::Tensor& x, const tensor::Tensor& w, const tensor::Tensor& out) const;
  void matmul_experts(const tensor::Tensor& x, const tensor::Tensor& w, const tensor::Tensor& experts,
                      const tensor::Tensor& out) const;
};

}  // namespace hearth::models
