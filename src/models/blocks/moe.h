#pragma once

#include "models/blocks/step.h"
#include "models/weights.h"

namespace hearth::models {

struct MoeConfig {
  int64_t width = 0;
  int64_t expert_ffn_width = 0;
  int64_t n_experts = 0;
  int64_t n_used = 0;
  tensor::RouteArgs route;
};

// Mixture of experts, each a gated feed-forward (arXiv:2401.04088): a router picks n_used experts for each
// token.
class MoeMlp {
 public:
  // Reads PREFIX.ffn_gate_inp.weight and PREFIX.ffn_{gate,up,down}_exps.weight.
  static Result<MoeMlp> load(WeightReader& weights, const std::string& prefix, const MoeConfig& config);

  size_t workspace_bytes(int64_t n_rows) const;

  // x, out [n, width], distinct.
  void apply(const StepContext& step, const tensor::Tensor& x, const tensor::Tensor& out) const;

 private:
  MoeConfig config_;
  tensor::Tensor router_, gate_, up_, down_;
};

}  // namespace hearth::models
