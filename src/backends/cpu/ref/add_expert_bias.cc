#include "backends/cpu/ref/ref_backend.h"

namespace hearth::cpu {

void RefBackend::do_add_expert_bias(const tensor::Tensor& x, const tensor::Tensor& bias,
                                    const tensor::Tensor& experts) {
  const int64_t width = x.shape[2];
  for (int64_t pair = 0; pair < experts.shape.n_elements(); ++pair) {
    const int64_t expert = experts.as<int32_t>()[pair];
    for (int64_t i = 0; i < width; ++i) x.f32()[pair * width + i] += bias.f32()[expert * width + i];
  }
}

}  // namespace hearth::cpu
