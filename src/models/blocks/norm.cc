#include "models/blocks/norm.h"

namespace hearth::models {

using tensor::Tensor;

Result<NormConfig> read_norm_config(const ConfigReader& reader, NormKind kind, bool bias) {
  const bool rms = kind == NormKind::kRms;
  HEARTH_ASSIGN(const float epsilon,
                reader.epsilon(rms ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon"));
  return NormConfig{kind, epsilon, bias};
}

Result<Norm> Norm::load(WeightReader& weights, const std::string& name, int64_t width,
                        const NormConfig& config) {
  HEARTH_CHECK(!config.bias || config.kind == NormKind::kLayer);
  Norm block;
  block.config_ = config;
  HEARTH_ASSIGN(block.weight_, weights.vector(name + ".weight", width));
  if (config.bias) {
    HEARTH_ASSIGN(block.bias_, weights.vector(name + ".bias", width));
  }
  return block;
}

Result<Norm> Norm::without_weight(WeightReader& weights, int64_t width, const NormConfig& config) {
  HEARTH_CHECK(config.kind == NormKind::kRms);
  const std::vector<float> ones(static_cast<size_t>(width), 1.0F);
  HEARTH_ASSIGN(const OwnedWeight weight, weights.make({width}, ones));
  Norm block;
  block.config_ = config;
  block.weight_ = weight.tensor;
  block.memory_ = weight.memory;
  return block;
}

void Norm::apply(const StepContext& step, const Tensor& x, const Tensor& out) const {
  if (config_.kind == NormKind::kRms) {
    step.backend.rms_norm(x, weight_, config_.epsilon, out);
  } else {
    step.backend.layer_norm(x, weight_, config_.bias ? &bias_ : nullptr, config_.epsilon, out);
  }
}

}  // namespace hearth::models
