#include "sampling/mirostat.h"

#include <algorithm>
#include <cmath>

#include "sampling/deterministic_math.h"

namespace hearth::sampling {
namespace {

constexpr size_t kTokensOfEstimate = 100;  // the paper's m

double in_bits(double probability) {
  return -deterministic_log(probability) / kLn2;
}

}  // namespace

void Mirostat::truncate(Candidates& candidates) {
  total_ = candidates.total_weight();
  std::vector<Candidate>& list = candidates.weighed_list();
  if (version_ == Version::kOne) {
    std::sort(list.begin(), list.end(), by_logit);
    list.resize(std::min(list.size(), estimated_k(list)));
    return;
  }
  const int32_t best = candidates.best();
  std::erase_if(list, [&](const Candidate& c) {
    const double probability = c.weight / total_;
    return c.token != best && (probability < 1e-300 || in_bits(probability) > limit_);
  });
}

// Fits Zipf's law p ~ 1 / rank^s to the most probable tokens (equation 7 of the paper), then solves for the k
// whose cut gives the wanted surprise (equation 2): k^s = epsilon 2^limit / (1 - N^-epsilon), epsilon = s
// - 1.
size_t Mirostat::estimated_k(const std::vector<Candidate>& sorted) const {
  double products = 0.0;
  double squares = 0.0;
  const size_t n = std::min(kTokensOfEstimate, sorted.size());
  for (size_t i = 0; i + 1 < n && sorted[i + 1].weight > 0.0; ++i) {
    const auto rank = static_cast<double>(i + 1);
    const double t = deterministic_log((rank + 1.0) / rank);
    products += t * deterministic_log(sorted[i].weight / sorted[i + 1].weight);
    squares += t * t;
  }
  const double s = squares > 0.0 ? products / squares : 0.0;
  if (!(s > 0.0)) return sorted.size();  // nothing to fit, or all alike
  const double log_vocabulary =
      deterministic_log(static_cast<double>(std::max<int64_t>(vocabulary_size_, 2)));
  const double epsilon = s - 1.0;
  // (1 - N^-epsilon) / epsilon, which goes to log N where epsilon goes to 0 and is positive on both sides.
  const double power = epsilon >= 0.0 ? deterministic_exp(-epsilon * log_vocabulary)
                                      : 1.0 / deterministic_exp(epsilon * log_vocabulary);
  const double divisor = std::abs(epsilon) > 1e-9 ? (1.0 - power) / epsilon : log_vocabulary;
  const double log_k = (limit_ * kLn2 - deterministic_log(divisor)) / s;
  if (log_k <= 0.0) return 1;
  if (log_k >= log_vocabulary) return sorted.size();
  return std::max<size_t>(1, static_cast<size_t>(std::lround(1.0 / deterministic_exp(-log_k))));
}

void Mirostat::observe(const Candidate& drawn) {
  limit_ -= rate_ * (in_bits(drawn.weight / total_) - target_);
}

}  // namespace hearth::sampling
