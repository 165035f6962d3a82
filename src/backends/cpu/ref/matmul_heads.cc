#include <vector>

#include "backends/cpu/ref/ref_backend.h"
#include "quant/quant.h"

namespace hearth::cpu {

void RefBackend::do_matmul_heads(const tensor::Tensor& x, const tensor::Tensor& w,
                                 const tensor::Tensor& out) {
  const int64_t n_heads = w.shape[0];
  const int64_t m = w.shape[1];
  const int64_t k = w.shape[2];
  std::vector<float> weights(static_cast<size_t>(k));
  for (int64_t at = 0; at < x.shape[0] * n_heads; ++at) {
    for (int64_t row = 0; row < m; ++row) {
      quant::dequantize_row(w.dtype, row_of(w, at % n_heads * m + row), weights.data(), k);
      double sum = 0.0;
      for (int64_t j = 0; j < k; ++j)
        sum += static_cast<double>(weights[static_cast<size_t>(j)]) * x.f32()[at * k + j];
      out.f32()[at * m + row] = static_cast<float>(sum);
    }
  }
}

}  // namespace hearth::cpu
