#include <cmath>

#include "backends/cpu/ref/ref_backend.h"

namespace hearth::cpu {

void RefBackend::do_soft_cap(const tensor::Tensor& x, float cap) {
  for (int64_t i = 0; i < x.shape.n_elements(); ++i) {
    x.f32()[i] = static_cast<float>(cap * std::tanh(static_cast<double>(x.f32()[i]) / cap));
  }
}

}  // namespace hearth::cpu
