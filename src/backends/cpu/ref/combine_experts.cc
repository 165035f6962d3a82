#include "backends/cpu/ref/ref_backend.h"

namespace hearth::cpu {

void RefBackend::do_combine_experts(const tensor::Tensor& x, const tensor::Tensor& weights,
                                    const tensor::Tensor& out) {
  const int64_t n_used = x.shape[1];
  const int64_t width = x.shape[2];
  for (int64_t row = 0; row < x.shape[0]; ++row) {
    for (int64_t i = 0; i < width; ++i) {
      double sum = 0.0;
      for (int64_t j = 0; j < n_used; ++j) {
        sum += static_cast<double>(weights.f32()[row * n_used + j]) * x.f32()[(row * n_used + j) * width + i];
      }
      out.f32()[row * width + i] = static_cast<float>(sum);
    }
  }
}

}  // namespace hearth::cpu
