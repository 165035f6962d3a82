#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "backends/cpu/ref/ref_backend.h"

namespace hearth::cpu {
namespace {

constexpr double kLowest = -std::numeric_limits<double>::infinity();

// A damaged model's NaN counts as the lowest score: it must not upset the order of the others.
std::vector<double> ordered_scores(const float* logits, int64_t n) {
  std::vector<double> scores(logits, logits + n);
  for (double& score : scores) {
    if (std::isnan(score)) score = kLowest;
  }
  return scores;
}

// Softmax without its division, or sigmoid.
std::vector<double> shares_of(const std::vector<double>& logits, tensor::RouteScore score) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  std::vector<double> shares(logits.size());
  for (size_t e = 0; e < logits.size(); ++e) {
    shares[e] = score == tensor::RouteScore::kSigmoid ? 1.0 / (1.0 + std::exp(-logits[e]))
                                                      : std::exp(logits[e] - largest);
  }
  return shares;
}

double sum_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

// Indices of the largest values first; ties keep their order, the lower index first.
std::vector<size_t> best_first(const std::vector<double>& values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] > values[b]; });
  return order;
}

// Experts outside of the best groups fall to the lowest rank.
void drop_groups(const tensor::RouteArgs& args, std::vector<double>& ranks) {
  const size_t size = ranks.size() / static_cast<size_t>(args.n_groups);
  std::vector<double> group_ranks;
  for (size_t group = 0; group < static_cast<size_t>(args.n_groups); ++group) {
    std::vector<double> members(ranks.begin() + static_cast<std::ptrdiff_t>(group * size),
                                ranks.begin() + static_cast<std::ptrdiff_t>((group + 1) * size));
    std::sort(members.rbegin(), members.rend());
    members.resize(static_cast<size_t>(args.group_best));
    group_ranks.push_back(sum_of(members));
  }
  const std::vector<size_t> groups = best_first(group_ranks);
  for (size_t g = static_cast<size_t>(args.n_groups_used); g < groups.size(); ++g) {
    for (size_t e = groups[g] * size; e < (groups[g] + 1) * size; ++e) ranks[e] = kLowest;
  }
}

}  // namespace

void RefBackend::do_route(const tensor::Tensor& logits, const tensor::RouteArgs& args,
                          const tensor::Tensor& experts, const tensor::Tensor& weights) {
  const int64_t n_experts = logits.shape[1];
  const auto n_used = static_cast<size_t>(experts.shape[1]);
  const bool softmax = args.score == tensor::RouteScore::kSoftmax;
  for (int64_t row = 0; row < logits.shape[0]; ++row) {
    const std::vector<double> scores = ordered_scores(logits.f32() + row * n_experts, n_experts);
    const std::vector<double> shares = shares_of(scores, args.score);
    double sum = softmax ? sum_of(shares) : 1.0;
    std::vector<double> ranks = scores;
    if (args.selection_bias.data != nullptr || args.n_groups > 1) {
      for (size_t e = 0; e < ranks.size(); ++e) {
        ranks[e] = shares[e] / sum;
        if (args.selection_bias.data != nullptr) ranks[e] += args.selection_bias.f32()[e];
      }
      drop_groups(args, ranks);
    }
    const std::vector<size_t> order = best_first(ranks);
    if (args.renormalize) {
      sum = 0.0;
      for (size_t j = 0; j < n_used; ++j) sum += shares[order[j]];
      sum = std::max(sum, 1e-20);  // sigmoids may all vanish
    }
    for (size_t j = 0; j < n_used; ++j) {
      const size_t out = static_cast<size_t>(row) * n_used + j;
      experts.as<int32_t>()[out] = static_cast<int32_t>(order[j]);
      const float* factors = args.expert_scale.data != nullptr ? args.expert_scale.f32() : nullptr;
      const double own = factors != nullptr ? factors[order[j]] : 1.0;
      weights.f32()[out] = static_cast<float>(shares[order[j]] / sum * args.scale * own);
    }
  }
}

}  // namespace hearth::cpu
