// Mixtures of experts: products in which each row has matrices of its own choice. And products in which each
// head has its own.
#include <algorithm>
#include <cstring>
#include <vector>

#include "backends/cpu/cpu_backend_impl.h"

namespace hearth::cpu {
namespace {

using tensor::Tensor;

// The pairs (row, choice) of a step by expert: those of expert e are pairs[begin[e]] .. pairs[begin[e + 1] -
// 1], in their own order.
struct PairsByExpert {
  std::vector<int64_t> begin;
  std::vector<int64_t> pairs;
};

PairsByExpert group_pairs(const int32_t* experts, int64_t n_pairs, int64_t n_experts) {
  PairsByExpert grouped;
  grouped.begin.assign(static_cast<size_t>(n_experts) + 1, 0);
  for (int64_t pair = 0; pair < n_pairs; ++pair) ++grouped.begin[static_cast<size_t>(experts[pair]) + 1];
  for (size_t e = 1; e < grouped.begin.size(); ++e) grouped.begin[e] += grouped.begin[e - 1];
  std::vector<int64_t> next(grouped.begin.begin(), grouped.begin.end() - 1);
  grouped.pairs.resize(static_cast<size_t>(n_pairs));
  for (int64_t pair = 0; pair < n_pairs; ++pair) {
    grouped.pairs[static_cast<size_t>(next[static_cast<size_t>(experts[pair])]++)] = pair;
  }
  return grouped;
}

}  // namespace

void CpuBackend::do_matmul_experts(const Tensor& x, const Tensor& w, const Tensor& experts, const Tensor& out,
                                   tensor::Phase phase) {
  const int64_t n_experts = w.shape[0];
  const int64_t m = w.shape[1];
  const int64_t k = w.shape[2];
  const int64_t n_used = experts.shape[1];
  const int64_t x_per_row = x.shape[1];  // 1, or one for each expert used
  const int64_t n_pairs = experts.shape[0] * n_used;
  if (n_pairs == 0 || m == 0) return;
  const PairsByExpert grouped = group_pairs(experts.as<int32_t>(), n_pairs, n_experts);
  const size_t expert_bytes = static_cast<size_t>(m) * *tensor::row_bytes(w.dtype, static_cast<uint64_t>(k));
  auto* gathered =
      static_cast<float*>(expert_scratch_.take(static_cast<size_t>(n_pairs * (k + m)) * sizeof(float)));
  float* products = gathered + n_pairs * k;

  for (int64_t e = 0; e < n_experts; ++e) {
    const int64_t begin = grouped.begin[static_cast<size_t>(e)];
    const int64_t n = grouped.begin[static_cast<size_t>(e) + 1] - begin;
    if (n == 0) continue;
    const auto pair_at = [&](int64_t i) { return grouped.pairs[static_cast<size_t>(begin + i)]; };
    for (int64_t i = 0; i < n; ++i) {
      const int64_t x_row = pair_at(i) / n_used * x_per_row + pair_at(i) % n_used % x_per_row;
      std::memcpy(gathered + i * k, x.f32() + x_row * k, static_cast<size_t>(k) * sizeof(float));
    }
    const Tensor expert{w.dtype, {m, k}, w.as<std::byte>() + static_cast<size_t>(e) * expert_bytes};
    do_matmul({tensor::DType::kF32, {n, k}, gathered}, expert, {tensor::DType::kF32, {n, m}, products},
              phase);
    for (int64_t i = 0; i < n; ++i) {
      std::memcpy(out.f32() + pair_at(i) * m, products + i * m, static_cast<size_t>(m) * sizeof(float));
    }
  }
}

void CpuBackend::do_combine_experts(const Tensor& x, const Tensor& weights, const Tensor& out) {
  const int64_t n_used = x.shape[1];
  const int64_t width = x.shape[2];
  parallel(x.shape[0], 1, n_used * width, [&](int, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* sum = out.f32() + row * width;
      std::fill(sum, sum + width, 0.0F);
      for (int64_t j = 0; j < n_used; ++j) {
        const float share = weights.f32()[row * n_used + j];
        const float* values = x.f32() + (row * n_used + j) * width;
        for (int64_t i = 0; i < width; ++i) sum[i] += share * values[i];
      }
    }
  });
}

void CpuBackend::do_add_expert_bias(const Tensor& x, const Tensor& bias, const Tensor& experts) {
  const int64_t width = x.shape[2];
  parallel(experts.shape.n_elements(), 1, width, [&](int, int64_t begin, int64_t end) {
    for (int64_t pair = begin; pair < end; ++pair) {
      const int64_t expert = experts.as<int32_t>()[pair];
      kernels_.add(x.f32() + pair * width, bias.f32() + expert * width, width);
    }
  });
}

void CpuBackend::do_matmul_heads(const Tensor& x, const Tensor& w, const Tensor& out) {
  const int64_t n = x.shape[0];
  const int64_t n_heads = w.shape[0];
  const int64_t m = w.shape[1];
  const int64_t k = w.shape[2];
  const size_t head_bytes = static_cast<size_t>(m) * *tensor::row_bytes(w.dtype, static_cast<uint64_t>(k));
  auto* gathered =
      static_cast<float*>(expert_scratch_.take(static_cast<size_t>(n * (k + m)) * sizeof(float)));
  float* products = gathered + n * k;
  for (int64_t head = 0; head < n_heads; ++head) {
    for (int64_t row = 0; row < n; ++row)
      std::copy_n(x.f32() + (row * n_heads + head) * k, k, gathered + row * k);
    const Tensor own{w.dtype, {m, k}, w.as<std::byte>() + static_cast<size_t>(head) * head_bytes};
    do_matmul({tensor::DType::kF32, {n, k}, gathered}, own, {tensor::DType::kF32, {n, m}, products},
              tensor::Phase::kDecode);
    for (int64_t row = 0; row < n; ++row)
      std::copy_n(products + row * m, m, out.f32() + (row * n_heads + head) * m);
  }
}

}  // namespace hearth::cpu
