#include <algorithm>
#include <cmath>

#include "backends/cpu/cpu_backend_impl.h"

namespace hearth::cpu {

void RopeTable::update(std::span<const int32_t> positions, const tensor::RopeArgs& args) {
  if (std::ranges::equal(positions, positions_) &&
      std::ranges::equal(args.inverse_frequencies, inverse_frequencies_) && args.magnitude == magnitude_) {
    return;
  }
  positions_.assign(positions.begin(), positions.end());
  inverse_frequencies_.assign(args.inverse_frequencies.begin(), args.inverse_frequencies.end());
  magnitude_ = args.magnitude;
  n_pairs_ = static_cast<int64_t>(inverse_frequencies_.size());
  cosines_.clear();
  sines_.clear();
  for (const int32_t position : positions_) {
    for (const float frequency : inverse_frequencies_) {
      // In double: at position 100,000 a float angle is off by up to 0.004.
      const double angle = static_cast<double>(position) * frequency;
      cosines_.push_back(static_cast<float>(std::cos(angle) * magnitude_));
      sines_.push_back(static_cast<float>(std::sin(angle) * magnitude_));
    }
  }
}

void CpuBackend::do_rope(const tensor::Tensor& x, std::span<const int32_t> positions,
                         const tensor::RopeArgs& args) {
  rope_table_.update(positions, args);
  const int64_t n_heads = x.shape[1];
  const int64_t head_dim = x.shape[2];
  const auto turn =
      args.style == tensor::RopeStyle::kHalves ? kernels_.rope_halves : kernels_.rope_interleaved;
  parallel(x.shape[0], 1, n_heads * head_dim, [&](int, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t head = 0; head < n_heads; ++head) {
        turn(x.f32() + (row * n_heads + head) * head_dim, rope_table_.cosines(row), rope_table_.sines(row),
             args.n_rotated / 2);
      }
    }
  });
}

}  // namespace hearth::cpu
