#include <cmath>

#include "backends/cpu/ref/ref_backend.h"

namespace hearth::cpu {

void RefBackend::do_rope(const tensor::Tensor& x, std::span<const int32_t> positions,
                         const tensor::RopeArgs& args) {
  const int64_t n_heads = x.shape[1];
  const int64_t head_dim = x.shape[2];
  const int64_t n_pairs = args.n_rotated / 2;
  const bool halves = args.style == tensor::RopeStyle::kHalves;
  for (int64_t row = 0; row < x.shape[0]; ++row) {
    for (int64_t head = 0; head < n_heads; ++head) {
      float* elements = x.f32() + (row * n_heads + head) * head_dim;
      for (int64_t pair = 0; pair < n_pairs; ++pair) {
        const double angle = static_cast<double>(positions[static_cast<size_t>(row)]) *
                             args.inverse_frequencies[static_cast<size_t>(pair)];
        const double cosine = std::cos(angle) * args.magnitude;
        const double sine = std::sin(angle) * args.magnitude;
        float& first = elements[halves ? pair : 2 * pair];
        float& second = elements[halves ? pair + n_pairs : 2 * pair + 1];
        const double a = first;
        const double b = second;
        first = static_cast<float>(a * cosine - b * sine);
        second = static_cast<float>(a * sine + b * cosine);
      }
    }
  }
}

}  // namespace hearth::cpu
