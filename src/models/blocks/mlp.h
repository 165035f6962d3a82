#pragma once

#include "models/blocks/linear.h"
#include "models/blocks/step.h"
#include "models/weights.h"

namespace hearth::models {

enum class MlpForm {
  kGated,       // down(activation(gate x) * up x): arXiv:2002.05202
  kGatedFused,  // the same, gate and up one above the other in ffn_up
  kPlain,       // down(activation(up x))
};

struct MlpConfig {
  int64_t width = 0;
  int64_t ffn_width = 0;
  MlpForm form = MlpForm::kGated;
  tensor::Activation activation = tensor::Activation::kSilu;
  Bias bias = Bias::kNone;
  std::string_view suffix = "";  // of the tensors' names before ".weight"
};

// A dense feed-forward.
class Mlp {
 public:
  // Reads PREFIX.ffn_{gate,up,down}SUFFIX.weight and .bias, as the configuration says.
  static Result<Mlp> load(WeightReader& weights, const std::string& prefix, const MlpConfig& config);

  size_t workspace_bytes(int64_t n_rows) const;

  // x, out [n, width], distinct.
  void apply(const StepContext& step, const tensor::Tensor& x, const tensor::Tensor& out) const;

 private:
  MlpConfig config_;
  Linear gate_, up_, down_;
};

}  // namespace hearth::models
