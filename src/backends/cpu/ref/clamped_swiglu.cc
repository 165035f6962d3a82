#include <algorithm>
#include <cmath>

#include "backends/cpu/ref/ref_backend.h"

namespace hearth::cpu {

void RefBackend::do_clamped_swiglu(const tensor::Tensor& gate, const tensor::Tensor& up, float limit) {
  const double bound = limit;
  for (int64_t i = 0; i < gate.shape.n_elements(); ++i) {
    const double g = std::min<double>(gate.f32()[i], bound);
    const double u = std::clamp<double>(up.f32()[i], -bound, bound);
    gate.f32()[i] = static_cast<float>(g / (1.0 + std::exp(-1.702 * g)) * (u + 1.0));
  }
}

}  // namespace hearth::cpu
