#include <cmath>

#include "backends/cpu/ref/ref_backend.h"

namespace hearth::cpu {

void RefBackend::do_swiglu(const tensor::Tensor& gate, const tensor::Tensor& up) {
  float* g = gate.f32();
  for (int64_t i = 0; i < gate.shape.n_elements(); ++i) {
    const double x = g[i];
    g[i] = static_cast<float>(x / (1.0 + std::exp(-x)) * up.f32()[i]);
  }
}

}  // namespace hearth::cpu
