#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "backends/cpu/ref/ref_backend.h"

namespace hearth::cpu {
namespace {

// A damaged model's NaN counts as the lowest score: it must not upset the order of the others.
std::vector<double> ordered_scores(const float* logits, int64_t n) {
  std::vector<double> scores(logits, logits + n);
  for (double& score : scores) {
    if (std::isnan(score)) score = -std::numeric_limits<double>::infinity();
  }
  return scores;
}

}  // namespace

void RefBackend::do_route(const tensor::Tensor& logits, const tensor::RouteArgs& args,
                          const tensor::Tensor& experts, const tensor::Tensor& weights) {
  const int64_t n_experts = logits.shape[1];
  const int64_t n_used = experts.shape[1];
  for (int64_t row = 0; row < logits.shape[0]; ++row) {
    const std::vector<double> scores = ordered_scores(logits.f32() + row * n_experts, n_experts);
    const double largest = *std::max_element(scores.begin(), scores.end());
    std::vector<double> shares(scores.size());
    double sum = 0.0;
    for (size_t e = 0; e < scores.size(); ++e) sum += shares[e] = std::exp(scores[e] - largest);

    std::vector<int32_t> order(scores.size());
    std::iota(order.begin(), order.end(), 0);
    // Ties keep their order: the lower index first.
    std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
      return scores[static_cast<size_t>(a)] > scores[static_cast<size_t>(b)];
    });
    if (args.renormalize) {
      sum = 0.0;
      for (int64_t j = 0; j < n_used; ++j) sum += shares[static_cast<size_t>(order[static_cast<size_t>(j)])];
    }
    for (int64_t j = 0; j < n_used; ++j) {
      const int32_t expert = order[static_cast<size_t>(j)];
      experts.as<int32_t>()[row * n_used + j] = expert;
      weights.f32()[row * n_used + j] = static_cast<float>(shares[static_cast<size_t>(expert)] / sum);
    }
  }
}

}  // namespace hearth::cpu
