#include "backends/cpu/ref/ref_backend.h"

namespace hearth::cpu {

void RefBackend::do_gather_columns(const tensor::Tensor& x, const tensor::Tensor& columns,
                                   const tensor::Tensor& out) {
  const int64_t count = columns.shape[0];
  for (int64_t row = 0; row < x.shape[0]; ++row) {
    for (int64_t j = 0; j < count; ++j) {
      out.f32()[row * count + j] = x.f32()[row * x.shape[1] + columns.as<int32_t>()[j]];
    }
  }
}

}  // namespace hearth::cpu
