#include <cmath>

#include "backends/cpu/ref/ref_backend.h"

namespace hearth::cpu {

void RefBackend::do_layer_norm(const tensor::Tensor& x, const tensor::Tensor& weight,
                               const tensor::Tensor* bias, float epsilon, const tensor::Tensor& out) {
  const int64_t width = x.shape[1];
  for (int64_t row = 0; row < x.shape[0]; ++row) {
    const float* from = x.f32() + row * width;
    float* to = out.f32() + row * width;
    double sum = 0.0;
    for (int64_t i = 0; i < width; ++i) sum += from[i];
    const double mean = sum / static_cast<double>(width);
    double squares = 0.0;
    for (int64_t i = 0; i < width; ++i) squares += (from[i] - mean) * (from[i] - mean);
    const double deviation = std::sqrt(squares / static_cast<double>(width) + epsilon);
    for (int64_t i = 0; i < width; ++i) {
      const double shift = bias == nullptr ? 0.0 : bias->f32()[i];
      to[i] = static_cast<float>((from[i] - mean) / deviation * weight.f32()[i] + shift);
    }
  }
}

}  // namespace hearth::cpu
