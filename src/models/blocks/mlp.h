#pragma once

#include "models/blocks/step.h"
#include "models/weights.h"

namespace hearth::models {

// Gated feed-forward: down(activation(gate x) * up x). Source: arXiv:2002.05202.
class GatedMlp {
 public:
  // Reads PREFIX.ffn_{gate,up,down}SUFFIX.weight.
  static Result<GatedMlp> load(WeightReader& weights, const std::string& prefix, int64_t width,
                               int64_t ffn_width, tensor::Activation activation = tensor::Activation::kSilu,
                               std::string_view suffix = "");

  static size_t workspace_bytes(int64_t ffn_width, int64_t n_rows);

  // x, out [n, width], distinct.
  void apply(const StepContext& step, const tensor::Tensor& x, const tensor::Tensor& out) const;

 private:
  int64_t ffn_width_ = 0;
  tensor::Activation activation_ = tensor::Activation::kSilu;
  tensor::Tensor gate_, up_, down_;
};

}  // namespace hearth::models
