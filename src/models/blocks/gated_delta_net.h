#pragma once

#include "models/blocks/norm.h"
#include "models/blocks/step.h"
#include "models/weights.h"

namespace hearth::models {

struct DeltaNetConfig {
  int64_t width = 0;
  int64_t kernel = 0;  // taps of the convolution
  int64_t n_key_heads = 0;
  int64_t n_heads = 0;  // of values
  int64_t key_dim = 0;
  int64_t value_dim = 0;
  NormConfig norm;

  int64_t key_width() const noexcept { return n_key_heads * key_dim; }
  int64_t value_width() const noexcept { return n_heads * value_dim; }
  int64_t n_channels() const noexcept { return 2 * key_width() + value_width(); }
  RecurrentLayerShape recurrent_shape() const noexcept {
    return {kernel - 1, n_channels(), n_heads, key_dim, value_dim};
  }
};

// Linear attention with a state in place of a cache: project to q, k, v; convolve them over the last
// positions; the gated delta rule; a gated norm; project back. Source: arXiv:2412.06464.
class GatedDeltaNet {
 public:
  // Reads PREFIX.attn_{qkv,gate}.weight, PREFIX.ssm_{conv1d,beta,alpha,norm,out}.weight, PREFIX.ssm_dt.bias
  // and PREFIX.ssm_a.
  static Result<GatedDeltaNet> load(WeightReader& weights, const std::string& prefix,
                                    const DeltaNetConfig& config);

  RecurrentLayerShape recurrent_shape() const noexcept { return config_.recurrent_shape(); }
  size_t workspace_bytes(int64_t n_rows) const;

  // x, out [n, width], distinct.
  void apply(const StepContext& step, const tensor::RecurrentState& state, const tensor::Tensor& x,
             const tensor::Tensor& out) const;

 private:
  // mixed [n, n_channels]: q, k and v side by side
  void recall(const StepContext& step, const tensor::RecurrentState& state, const tensor::Tensor& x,
              const tensor::Tensor& mixed, const tensor::Tensor& recalled) const;

  DeltaNetConfig config_;
  tensor::Tensor qkv_, gate_, conv_, beta_, alpha_, decay_, dt_bias_, output_;
  Norm norm_;
};

}  // namespace hearth::models
