#include <cmath>

#include "backends/cpu/ref/ref_backend.h"

namespace hearth::cpu {

void RefBackend::do_gate_by_sigmoid(const tensor::Tensor& x, const tensor::Tensor& gate) {
  const int64_t width = x.shape[1];
  const int64_t gates = gate.shape[1];
  for (int64_t i = 0; i < x.shape.n_elements(); ++i) {
    const double g = gate.f32()[i / width * gates + i % width % gates];
    x.f32()[i] = static_cast<float>(x.f32()[i] / (1.0 + std::exp(-g)));
  }
}

}  // namespace hearth::cpu
