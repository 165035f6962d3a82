#include "backends/cpu/ref/ref_backend.h"

namespace hearth::cpu {

void RefBackend::do_add_bias(const tensor::Tensor& x, const tensor::Tensor& bias) {
  const int64_t width = x.shape[1];
  for (int64_t row = 0; row < x.shape[0]; ++row) {
    for (int64_t i = 0; i < width; ++i) x.f32()[row * width + i] += bias.f32()[i];
  }
}

}  // namespace hearth::cpu
