#pragma once

#include "models/blocks/step.h"
#include "models/config_reader.h"
#include "models/weights.h"

namespace hearth::models {

enum class NormKind {
  kRms,    // root mean square, a learned weight: arXiv:1910.07467
  kLayer,  // mean and variance, a learned weight: arXiv:1607.06450
};

struct NormConfig {
  NormKind kind = NormKind::kRms;
  float epsilon = 0;
  bool bias = false;  // of kLayer
};

// Reads attention.layer_norm_rms_epsilon or attention.layer_norm_epsilon, which hold for all norms of a
// model.
Result<NormConfig> read_norm_config(const ConfigReader& reader, NormKind kind, bool bias = false);

class Norm {
 public:
  // Reads NAME.weight [width] and, if the norms have biases, NAME.bias [width].
  static Result<Norm> load(WeightReader& weights, const std::string& name, int64_t width,
                           const NormConfig& config);

  // One that only divides by the root mean square.
  static Result<Norm> without_weight(WeightReader& weights, int64_t width, const NormConfig& config);

  // x, out [n, width]; out may be x.
  void apply(const StepContext& step, const tensor::Tensor& x, const tensor::Tensor& out) const;

 private:
  NormConfig config_;
  tensor::Tensor weight_;
  tensor::Tensor bias_;
  std::shared_ptr<tensor::Buffer> memory_;  // of a weight that the file does not have
};

}  // namespace hearth::models
