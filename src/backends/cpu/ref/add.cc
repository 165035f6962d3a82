#include "backends/cpu/ref/ref_backend.h"

namespace hearth::cpu {

void RefBackend::do_add(const tensor::Tensor& x, const tensor::Tensor& y) {
  for (int64_t i = 0; i < x.shape.n_elements(); ++i) x.f32()[i] += y.f32()[i];
}

}  // namespace hearth::cpu
