#include <cmath>

#include "backends/cpu/ref/ref_backend.h"

namespace hearth::cpu {

void RefBackend::do_rms_norm(const tensor::Tensor& x, const tensor::Tensor& weight, float epsilon,
                             const tensor::Tensor& out) {
  const int64_t width = x.shape[1];
  for (int64_t row = 0; row < x.shape[0]; ++row) {
    const float* from = x.f32() + row * width;
    float* to = out.f32() + row * width;
    double sum = 0.0;
    for (int64_t i = 0; i < width; ++i) sum += static_cast<double>(from[i]) * from[i];
    const double scale = 1.0 / std::sqrt(sum / static_cast<double>(width) + epsilon);
    for (int64_t i = 0; i < width; ++i) to[i] = static_cast<float>(from[i] * scale * weight.f32()[i]);
  }
}

}  // namespace hearth::cpu
