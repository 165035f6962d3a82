#include <vector>

#include "backends/cpu/ref/ref_backend.h"
#include "quant/quant.h"

namespace hearth::cpu {

void RefBackend::do_matmul(const tensor::Tensor& x, const tensor::Tensor& w, const tensor::Tensor& out,
                           tensor::Phase /*phase*/) {
  const int64_t k = w.shape[1];
  const int64_t m = w.shape[0];
  std::vector<float> weights(static_cast<size_t>(k));
  for (int64_t row = 0; row < m; ++row) {
    quant::dequantize_row(w.dtype, row_of(w, row), weights.data(), k);
    for (int64_t i = 0; i < x.shape[0]; ++i) {
      const float* activations = x.f32() + i * k;
      double sum = 0.0;
      for (int64_t j = 0; j < k; ++j)
        sum += static_cast<double>(weights[static_cast<size_t>(j)]) * activations[j];
      out.f32()[i * m + row] = static_cast<float>(sum);
    }
  }
}

}  // namespace hearth::cpu
