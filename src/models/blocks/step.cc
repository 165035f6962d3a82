#include "models/blocks/step.h"

#include "base/check.h"

namespace hearth::models {
namespace {

using tensor::Phase;
using tensor::Tensor;

// product(first row, number of rows, phase) for the rows of each phase that has some.
template <typename Product>
void for_each_phase(const StepContext& step, const Product& product) {
  const int64_t n_prefill = step.input.n_prefill_rows;
  const int64_t n_decode = step.n_rows() - n_prefill;
  HEARTH_CHECK(n_prefill >= 0 && n_decode >= 0);
  if (n_prefill > 0) product(0, n_prefill, Phase::kPrefill);
  if (n_decode > 0) product(n_prefill, n_decode, Phase::kDecode);
}

}  // namespace

void StepContext::matmul(const Tensor& x, const Tensor& w, const Tensor& out) const {
  HEARTH_CHECK(x.shape[0] == n_rows());
  for_each_phase(*this, [&](int64_t first, int64_t n, Phase phase) {
    backend.matmul(x.slice(first, n), w, out.slice(first, n), phase);
  });
}

void StepContext::matmul_experts(const Tensor& x, const Tensor& w, const Tensor& experts,
                                 const Tensor& out) const {
  HEARTH_CHECK(x.shape[0] == n_rows());
  for_each_phase(*this, [&](int64_t first, int64_t n, Phase phase) {
    backend.matmul_experts(x.slice(first, n), w, experts.slice(first, n), out.slice(first, n), phase);
  });
}

}  // namespace hearth::models
