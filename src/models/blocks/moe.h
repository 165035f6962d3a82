#pragma once

#include "models/blocks/mlp.h"
#include "models/blocks/step.h"
#include "models/weights.h"

namespace hearth::models {

struct MoeConfig {
  int64_t width = 0;
  int64_t expert_ffn_width = 0;
  int64_t n_experts = 0;
  int64_t n_used = 0;
  tensor::RouteArgs route = {};  // without its bias, which is a weight
  int64_t shared_ffn_width = 0;  // of an expert that every token goes to; 0: none
  bool has_shared_gate = false;  // a sigmoid of its own before that expert's answer
  bool has_selection_bias = false;
  bool has_biases = false;        // of the router and of each expert's matrices
  bool has_expert_scale = false;  // a factor of each expert's answer
  bool fused_gate_up = false;     // each expert's gate and up one above the other in ffn_gate_up_exps
  tensor::Activation activation = tensor::Activation::kSilu;
  float swiglu_limit = 0.0F;  // gpt-oss's clamped gate; 0: the plain one
};

// Mixture of experts, each a gated feed-forward (arXiv:2401.04088): a router picks n_used experts for each
// token.
class MoeMlp {
 public:
  // Reads PREFIX.ffn_gate_inp.weight and PREFIX.ffn_{gate,up,down}_exps.weight (or ffn_gate_up_exps), and
  // where the configuration says so their biases, PREFIX.ffn_down_exps.scale and PREFIX.exp_probs_b.bias, the
  // shared expert's PREFIX.ffn_{gate,up,down}_shexp.weight and its gate PREFIX.ffn_gate_inp_shexp.weight.
  static Result<MoeMlp> load(WeightReader& weights, const std::string& prefix, const MoeConfig& config);

  size_t workspace_bytes(int64_t n_rows) const;

  // x, out [n, width], distinct.
  void apply(const StepContext& step, const tensor::Tensor& x, const tensor::Tensor& out) const {
    apply_routed(step, x, x, out);
  }
  // The same with other rows for the router to look at.
  void apply_routed(const StepContext& step, const tensor::Tensor& x, const tensor::Tensor& router_x,
                    const tensor::Tensor& out) const;

 private:
  MlpConfig shared_config() const;
  Result<void> load_experts(WeightReader& weights, const std::string& prefix);
  // Into gate and up [n, n_used, expert_ffn_width].
  void project_inward(const StepContext& step, const tensor::Tensor& x, const tensor::Tensor& experts,
                      const tensor::Tensor& gate, const tensor::Tensor& up) const;
  Result<void> load_extras(WeightReader& weights, const std::string& prefix);
  // out += the shared expert's answer
  void add_shared(const StepContext& step, const tensor::Tensor& x, const tensor::Tensor& out) const;

  MoeConfig config_;
  tensor::Tensor router_, gate_, up_, down_;  // with fused_gate_up, up_ holds both
  tensor::Tensor router_bias_, gate_bias_, up_bias_, down_bias_;
  Mlp shared_;
  tensor::Tensor shared_gate_;
};

}  // namespace hearth::models
