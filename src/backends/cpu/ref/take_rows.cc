#include <algorithm>

#include "backends/cpu/ref/ref_backend.h"

namespace hearth::cpu {

void RefBackend::do_take_rows(const tensor::Tensor& x, std::span<const int32_t> rows,
                              const tensor::Tensor& out) {
  const int64_t width = x.shape[1];
  float* to = out.f32();
  for (const int32_t row : rows) to = std::copy_n(x.f32() + row * width, width, to);
}

}  // namespace hearth::cpu
