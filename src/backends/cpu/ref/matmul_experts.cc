#include <vector>

#include "backends/cpu/ref/ref_backend.h"
#include "quant/quant.h"

namespace hearth::cpu {

void RefBackend::do_matmul_experts(const tensor::Tensor& x, const tensor::Tensor& w,
                                   const tensor::Tensor& experts, const tensor::Tensor& out,
                                   tensor::Phase /*phase*/) {
  const int64_t m = w.shape[1];
  const int64_t k = w.shape[2];
  const int64_t n_used = experts.shape[1];
  const int64_t x_per_row = x.shape[1];  // 1, or one for each expert used
  std::vector<float> weights(static_cast<size_t>(k));
  for (int64_t pair = 0; pair < experts.shape[0] * n_used; ++pair) {
    const float* activations = x.f32() + (pair / n_used * x_per_row + pair % n_used % x_per_row) * k;
    const int64_t expert = experts.as<int32_t>()[pair];
    for (int64_t row = 0; row < m; ++row) {
      quant::dequantize_row(w.dtype, row_of(w, expert * m + row), weights.data(), k);
      double sum = 0.0;
      for (int64_t j = 0; j < k; ++j)
        sum += static_cast<double>(weights[static_cast<size_t>(j)]) * activations[j];
      out.f32()[pair * m + row] = static_cast<float>(sum);
    }
  }
}

}  // namespace hearth::cpu
