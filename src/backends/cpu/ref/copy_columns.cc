#include "backends/cpu/ref/ref_backend.h"

namespace hearth::cpu {

void RefBackend::do_copy_columns(const tensor::Tensor& from, int64_t from_first, const tensor::Tensor& to,
                                 int64_t to_first, int64_t count) {
  for (int64_t row = 0; row < from.shape[0]; ++row) {
    for (int64_t i = 0; i < count; ++i) {
      to.f32()[row * to.shape[1] + to_first + i] = from.f32()[row * from.shape[1] + from_first + i];
    }
  }
}

}  // namespace hearth::cpu
