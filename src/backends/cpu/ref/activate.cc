#include <cmath>
#include <numbers>

#include "backends/cpu/ref/ref_backend.h"

namespace hearth::cpu {
namespace {

double activated(tensor::Activation activation, double x) {
  switch (activation) {
    case tensor::Activation::kSilu:
      return x / (1.0 + std::exp(-x));
    case tensor::Activation::kGeluTanh: {
      const double u = std::sqrt(2.0 / std::numbers::pi) * (x + 0.044715 * x * x * x);
      // (1 + tanh(u)) / 2 in the form that keeps its digits where tanh(u) approaches -1.
      return x / (1.0 + std::exp(-2.0 * u));
    }
    case tensor::Activation::kGeluErf:
      break;
  }
  // 1 + erf(y) = erfc(-y), which keeps its digits where erf(y) approaches -1.
  return x / 2.0 * std::erfc(-x / std::numbers::sqrt2);
}

}  // namespace

void RefBackend::do_activate_gate(tensor::Activation activation, const tensor::Tensor& gate,
                                  const tensor::Tensor& up) {
  float* g = gate.f32();
  for (int64_t i = 0; i < gate.shape.n_elements(); ++i) {
    g[i] = static_cast<float>(activated(activation, g[i]) * up.f32()[i]);
  }
}

void RefBackend::do_activate(tensor::Activation activation, const tensor::Tensor& x) {
  float* values = x.f32();
  for (int64_t i = 0; i < x.shape.n_elements(); ++i) {
    values[i] = static_cast<float>(activated(activation, values[i]));
  }
}

}  // namespace hearth::cpu
