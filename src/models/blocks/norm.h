#pragma once

#include "models/blocks/step.h"

namespace hearth::models {

// Root-mean-square normalisation with a learned weight. Source: arXiv:1910.07467.
class RmsNorm {
 public:
  RmsNorm() = default;
  RmsNorm(tensor::Tensor weight, float epsilon) : weight_(weight), epsilon_(epsilon) {}

  // x, out [n, width]; out may be x.
  void apply(const StepContext& step, const tensor::Tensor& x, const tensor::Tensor& out) const {
    step.backend.rms_norm(x, weight_, epsilon_, out);
  }

 private:
  tensor::Tensor weight_;
  float epsilon_ = 0;
};

}  // namespace hearth::models
