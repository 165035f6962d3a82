#include "sampling/filters.h"

#include <algorithm>
#include <cmath>

#include "sampling/deterministic_math.h"

namespace hearth::sampling {
namespace {

// Keeps the shortest prefix in the order `before` whose weights reach `wanted`. Sorts no more than is kept: a
// sorted head that grows until it holds the mass.
template <typename Before>
void keep_mass(std::vector<Candidate>& list, double wanted, Before before) {
  constexpr size_t kFirstHead = 64;
  constexpr size_t kGrowth = 8;
  double mass = 0.0;
  size_t sorted = 0;
  for (size_t head = kFirstHead; sorted < list.size(); head *= kGrowth) {
    const size_t end = std::min(head, list.size());
    const auto from = list.begin() + static_cast<std::ptrdiff_t>(sorted);
    const auto to = list.begin() + static_cast<std::ptrdiff_t>(end);
    if (to != list.end()) std::nth_element(from, to, list.end(), before);
    std::sort(from, to, before);
    for (; sorted < end; ++sorted) {
      mass += list[sorted].weight;
      if (mass >= wanted) return list.resize(sorted + 1);
    }
  }
}

// Of the distribution, in nats. With p = w / Z, -log p is log Z - log w.
double entropy(Candidates& candidates) {
  const double total = candidates.total_weight();
  double weighted_logs = 0.0;
  for (const Candidate& candidate : candidates.weighed_list()) {
    if (candidate.weight > 0.0) weighted_logs += candidate.weight * deterministic_log(candidate.weight);
  }
  return deterministic_log(total) - weighted_logs / total;
}

}  // namespace

void keep_top_n_sigma(Candidates& candidates, double n) {
  std::vector<Candidate>& list = candidates.list();
  const auto count = static_cast<double>(list.size());
  double highest = static_cast<double>(list.front().logit);
  double sum = 0.0;
  for (const Candidate& candidate : list) {
    highest = std::max(highest, static_cast<double>(candidate.logit));
    sum += static_cast<double>(candidate.logit);
  }
  const double mean = sum / count;
  double squares = 0.0;
  for (const Candidate& candidate : list) {
    const double distance = static_cast<double>(candidate.logit) - mean;
    squares += distance * distance;
  }
  const double floor = highest - n * std::sqrt(squares / count);
  std::erase_if(list, [&](const Candidate& c) { return static_cast<double>(c.logit) < floor; });
}

// The surprise is -log p, and the entropy is the surprise that is expected. With p = exp(logit) / Z, log Z
// cancels in their difference and leaves the distance of a logit from the expected logit.
void keep_typical(Candidates& candidates, double p) {
  const double total = candidates.total_weight();
  double sum = 0.0;
  for (const Candidate& candidate : candidates.weighed_list()) {
    sum += candidate.weight * static_cast<double>(candidate.logit);
  }
  const double expected = sum / total;
  keep_mass(candidates.weighed_list(), p * total, [expected](const Candidate& a, const Candidate& b) {
    const double distance_a = std::abs(static_cast<double>(a.logit) - expected);
    const double distance_b = std::abs(static_cast<double>(b.logit) - expected);
    return distance_a != distance_b ? distance_a < distance_b : a.token < b.token;
  });
}

void keep_top_p(Candidates& candidates, double p) {
  const double total = candidates.total_weight();
  const double wanted = p * total;
  std::vector<Candidate>& list = candidates.weighed_list();
  // All tokens below this weight together have less than 1 - p: none of them is reached, so none is sorted.
  const double unreached = (total - wanted) / static_cast<double>(list.size());
  std::erase_if(list, [unreached](const Candidate& candidate) { return candidate.weight < unreached; });
  keep_mass(list, wanted, by_logit);
}

void keep_min_p(Candidates& candidates, double p) {
  std::vector<Candidate>& list = candidates.weighed_list();
  double top = 0.0;
  for (const Candidate& candidate : list) top = std::max(top, candidate.weight);
  const double floor = p * top;
  std::erase_if(list, [floor](const Candidate& candidate) { return candidate.weight < floor; });
}

void exclude_top_choices(Candidates& candidates, double threshold) {
  const double floor = threshold * candidates.total_weight();
  std::vector<Candidate>& list = candidates.weighed_list();
  const auto is_top = [floor](const Candidate& c) { return c.weight >= floor; };
  const Candidate* least = nullptr;
  for (const Candidate& candidate : list) {
    if (is_top(candidate) && (least == nullptr || by_logit(*least, candidate))) least = &candidate;
  }
  if (least == nullptr) return;
  const int32_t kept = least->token;
  std::erase_if(list, [&](const Candidate& c) { return is_top(c) && c.token != kept; });
}

void apply_dynamic_temperature(Candidates& candidates, double temperature, double range, double exponent) {
  const auto n = static_cast<double>(candidates.list().size());
  if (n < 2.0) return;
  const double share = std::clamp(entropy(candidates) / deterministic_log(n), 0.0, 1.0);
  const double raised =
      share > 0.0 ? deterministic_exp(exponent * deterministic_log(share)) : exponent == 0.0;
  const double least = std::max(0.0, temperature - range);
  const double most = temperature + range;
  // A temperature of nothing would divide by it; this one leaves but the best as well.
  constexpr double kColdest = 1e-6;
  candidates.divide(std::max(least + (most - least) * raised, kColdest));
}

}  // namespace hearth::sampling
