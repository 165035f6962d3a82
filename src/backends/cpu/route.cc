// Which experts a row goes to, and their weights.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "backends/cpu/cpu_backend_impl.h"

namespace hearth::cpu {
namespace {

using tensor::RouteArgs;
using tensor::RouteScore;
using tensor::Tensor;

constexpr float kLowest = -std::numeric_limits<float>::infinity();

// A damaged model's NaN counts as the lowest score: it must not upset the order of the others.
float ordered(float score) {
  return std::isnan(score) ? kLowest : score;
}

// The rows of one call, one after the other, with the memory that they share.
class Router {
 public:
  Router(const RouteArgs& args, int64_t n_experts, int64_t n_used)
      : args_(args),
        n_experts_(static_cast<size_t>(n_experts)),
        n_used_(static_cast<size_t>(n_used)),
        shares_(n_experts_),
        ranks_(n_experts_) {}

  void route(const float* logits, int32_t* experts, float* weights) {
    compute_shares(logits);
    rank(logits);
    order_.resize(n_experts_);
    std::iota(order_.begin(), order_.end(), size_t{0});
    std::partial_sort(
        order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(n_used_), order_.end(),
        [&](size_t a, size_t b) { return ranks_[a] != ranks_[b] ? ranks_[a] > ranks_[b] : a < b; });
    double sum = sum_;
    if (args_.renormalize) {
      sum = 0.0;
      for (size_t j = 0; j < n_used_; ++j) sum += shares_[order_[j]];
      sum = std::max(sum, 1e-20);  // sigmoids may all vanish
    }
    const float* factors = args_.expert_scale.data != nullptr ? args_.expert_scale.f32() : nullptr;
    for (size_t j = 0; j < n_used_; ++j) {
      const auto scale = static_cast<double>(args_.scale);
      const double own = factors != nullptr ? static_cast<double>(factors[order_[j]]) : 1.0;
      experts[j] = static_cast<int32_t>(order_[j]);
      weights[j] = static_cast<float>(shares_[order_[j]] / sum * scale * own);
    }
  }

 private:
  // Scores up to the common divisor sum_.
  void compute_shares(const float* logits) {
    const bool sigmoid = args_.score == RouteScore::kSigmoid;
    float largest = 0.0F;
    if (!sigmoid) {
      largest = kLowest;
      for (size_t e = 0; e < n_experts_; ++e) largest = std::max(largest, ordered(logits[e]));
    }
    sum_ = sigmoid ? 1.0 : 0.0;
    for (size_t e = 0; e < n_experts_; ++e) {
      const auto logit = static_cast<double>(ordered(logits[e]) - largest);
      shares_[e] = sigmoid ? 1.0 / (1.0 + std::exp(-logit)) : std::exp(logit);
      if (!sigmoid) sum_ += shares_[e];
    }
  }

  // What experts are chosen by. The logits where nothing else counts: scores may round to ties.
  void rank(const float* logits) {
    const float* bias = args_.selection_bias.data != nullptr ? args_.selection_bias.f32() : nullptr;
    if (bias == nullptr && args_.n_groups == 1) {
      std::transform(logits, logits + n_experts_, ranks_.begin(), ordered);
      return;
    }
    for (size_t e = 0; e < n_experts_; ++e)
      ranks_[e] = shares_[e] / sum_ + (bias != nullptr ? static_cast<double>(bias[e]) : 0.0);
    if (args_.n_groups_used < args_.n_groups) drop_groups();
  }

  void drop_groups() {
    const auto n_groups = static_cast<size_t>(args_.n_groups);
    const size_t size = n_experts_ / n_groups;
    std::vector<double> group_ranks(n_groups);
    std::vector<double> members;
    for (size_t g = 0; g < n_groups; ++g) {
      const auto first = ranks_.begin() + static_cast<std::ptrdiff_t>(g * size);
      members.assign(first, first + static_cast<std::ptrdiff_t>(size));
      std::sort(members.begin(), members.end(), std::greater<>());
      group_ranks[g] = std::accumulate(members.begin(), members.begin() + args_.group_best, 0.0);
    }
    std::vector<size_t> groups(n_groups);
    std::iota(groups.begin(), groups.end(), size_t{0});
    std::stable_sort(groups.begin(), groups.end(),
                     [&](size_t a, size_t b) { return group_ranks[a] > group_ranks[b]; });
    for (size_t g = static_cast<size_t>(args_.n_groups_used); g < n_groups; ++g) {
      const auto first = ranks_.begin() + static_cast<std::ptrdiff_t>(groups[g] * size);
      std::fill(first, first + static_cast<std::ptrdiff_t>(size), static_cast<double>(kLowest));
    }
  }

  const RouteArgs& args_;
  const size_t n_experts_;
  const size_t n_used_;
  double sum_ = 0.0;
  std::vector<double> shares_;
  std::vector<double> ranks_;
  std::vector<size_t> order_;
};

}  // namespace

void CpuBackend::do_route(const Tensor& logits, const RouteArgs& args, const Tensor& experts,
                          const Tensor& weights) {
  const int64_t n_experts = logits.shape[1];
  const int64_t n_used = experts.shape[1];
  Router router(args, n_experts, n_used);
  for (int64_t row = 0; row < logits.shape[0]; ++row) {
    router.route(logits.f32() + row * n_experts, experts.as<int32_t>() + row * n_used,
                 weights.f32() + row * n_used);
  }
}

}  // namespace hearth::cpu
