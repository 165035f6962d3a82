#include "backends/cpu/ref/ref_backend.h"
#include "quant/quant.h"

namespace hearth::cpu {

void RefBackend::do_embed(const tensor::Tensor& table, std::span<const int32_t> tokens,
                          const tensor::Tensor& out) {
  const int64_t width = out.shape[1];
  float* to = out.f32();
  for (const int32_t token : tokens) {
    quant::dequantize_row(table.dtype, row_of(table, token), to, width);
    to += width;
  }
}

}  // namespace hearth::cpu
