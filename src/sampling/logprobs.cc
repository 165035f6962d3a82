#include "sampling/logprobs.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "sampling/deterministic_math.h"

namespace hearth::sampling {
namespace {

// A million tokens that are less probable than the first by this factor add less than a float can tell.
constexpr double kNegligible = -40.0;

float without_nan(float logit) noexcept {
  return std::isnan(logit) ? -std::numeric_limits<float>::infinity() : logit;
}

}  // namespace

LogSoftmax::LogSoftmax(std::span<const float> logits) : logits_(logits), log_sum_(0.0) {
  HEARTH_CHECK(!logits.empty());
  float highest = -std::numeric_limits<float>::infinity();
  for (const float logit : logits) highest = std::max(highest, without_nan(logit));
  const auto most = static_cast<double>(highest);
  if (!std::isfinite(most)) {
    log_sum_ = most;
    return;
  }
  double sum = 0.0;
  for (const float logit : logits) {
    const double below = static_cast<double>(without_nan(logit)) - most;
    if (below > kNegligible) sum += deterministic_exp(below);
  }
  log_sum_ = most + deterministic_log(sum);
}

float LogSoftmax::logprob(int32_t token) const noexcept {
  constexpr float kImpossible = std::numeric_limits<float>::lowest();
  const double difference = static_cast<double>(without_nan(logits_[static_cast<size_t>(token)])) - log_sum_;
  if (std::isnan(difference)) return kImpossible;
  return static_cast<float>(std::clamp(difference, static_cast<double>(kImpossible), 0.0));
}

std::vector<int32_t> LogSoftmax::top(size_t n) const {
  const auto is_better = [&](int32_t a, int32_t b) {
    const float x = without_nan(logits_[static_cast<size_t>(a)]);
    const float y = without_nan(logits_[static_cast<size_t>(b)]);
    return x != y ? x > y : a < b;
  };
  // A heap with the worst of the best in front: for a few of many, most tokens cost one comparison.
  std::vector<int32_t> best;
  for (int32_t token = 0; token < static_cast<int32_t>(logits_.size()); ++token) {
    if (best.size() == n) {
      if (n == 0 || !is_better(token, best.front())) continue;
      std::pop_heap(best.begin(), best.end(), is_better);
      best.pop_back();
    }
    best.push_back(token);
    std::push_heap(best.begin(), best.end(), is_better);
  }
  std::sort_heap(best.begin(), best.end(), is_better);
  return best;
}

}  // namespace hearth::sampling
