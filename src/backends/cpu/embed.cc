#include "backends/cpu/cpu_backend_impl.h"
#include "quant/quant.h"

namespace hearth::cpu {

void CpuBackend::do_embed(const tensor::Tensor& table, std::span<const int32_t> tokens,
                          const tensor::Tensor& out) {
  const int64_t width = out.shape[1];
  const auto stride = *tensor::row_bytes(table.dtype, static_cast<uint64_t>(width));
  parallel(out.shape[0], 1, width, [&](int, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto token = static_cast<uint64_t>(tokens[static_cast<size_t>(i)]);
      quant::dequantize_row(table.dtype, table.as<std::byte>() + token * stride, out.f32() + i * width,
                            width);
    }
  });
}

}  // namespace hearth::cpu
