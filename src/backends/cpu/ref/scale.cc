#include "backends/cpu/ref/ref_backend.h"

namespace hearth::cpu {

void RefBackend::do_scale(const tensor::Tensor& x, float factor) {
  for (int64_t i = 0; i < x.shape.n_elements(); ++i) x.f32()[i] *= factor;
}

}  // namespace hearth::cpu
