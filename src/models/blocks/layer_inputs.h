#pragma once

#include "models/blocks/norm.h"
#include "models/blocks/step.h"
#include "models/weights.h"

namespace hearth::models {

struct LayerInputsConfig {
  int64_t width = 0;
  int64_t vocabulary_size = 0;
  int64_t n_layers = 0;
  int64_t layer_width = 0;  // of what one layer is given
  NormConfig norm;
};

// Per-layer embeddings: each token has a vector for every layer, from a table of their own and projected from
// its embedding. Source: Gemma 3n and 4, the reference implementation in Transformers.
class LayerInputs {
 public:
  // Reads per_layer_token_embd.weight, per_layer_model_proj.weight and per_layer_proj_norm.weight.
  static Result<LayerInputs> load(WeightReader& weights, const LayerInputsConfig& config);

  int64_t width() const noexcept { return config_.n_layers * config_.layer_width; }
  uint64_t table_bytes() const noexcept { return table_.size_bytes(); }
  size_t workspace_bytes(int64_t n_rows) const;

  // embedded [n, width of the model], scaled as the model scales it; out [n, width()]: layer i is given the
  // columns i * layer_width ...
  void apply(const StepContext& step, const tensor::Tensor& embedded, const tensor::Tensor& out) const;

 private:
  LayerInputsConfig config_;
  tensor::Tensor table_, projection_;
  Norm norm_;
};

}  // namespace hearth::models
