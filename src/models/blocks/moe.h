#pragma once

#include "models/blocks/step.h"
#include "models/weights.h"

namespace hearth::models {

struct MoeConfig {
  int64_t width = 0;
  int64_t expert_ffn_width = 0;
  int64_t n_experts = 0;
  int64_t n_used = 0;
  tensor::RouteArgs route = {};  // without its bias, which is a weight
  bool has_selection_bias = false;
  bool has_biases = false;  // of the router and of each expert's matrices
  tensor::Activation activation = tensor::Activation::kSilu;
  float swiglu_limit = 0.0F;  // gpt-oss's clamped gate; 0: the plain one
};

// Mixture of experts, each a gated feed-forward (arXiv:2401.04088): a router picks n_used experts for each
// token.
class MoeMlp {
 public:
  // Reads PREFIX.ffn_gate_inp.weight and PREFIX.ffn_{gate,up,down}_exps.weight, and where the configuration
  // says so their biases and PREFIX.exp_probs_b.bias.
  static Result<MoeMlp> load(WeightReader& weights, const std::string& prefix, const MoeConfig& config);

  static size_t workspace_bytes(const MoeConfig& config, int64_t n_rows);

  // x, out [n, width], distinct.
  void apply(const StepContext& step, const tensor::Tensor& x, const tensor::Tensor& out) const;

 private:
  MoeConfig config_;
  tensor::Tensor router_, gate_, up_, down_;
  tensor::Tensor router_bias_, gate_bias_, up_bias_, down_bias_;
};

}  // namespace hearth::models
