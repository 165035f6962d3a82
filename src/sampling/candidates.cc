#include "sampling/candidates.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "sampling/deterministic_math.h"

namespace hearth::sampling {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

float highest_logit(const std::vector<Candidate>& list) {
  float top = -kInfinity;
  for (const Candidate& candidate : list) top = std::max(top, candidate.logit);
  return top;
}

}  // namespace

const float Candidates::kMasked = -kInfinity;

float Candidates::held(float logit) {
  constexpr float kMost = std::numeric_limits<float>::max();
  return std::isnan(logit) ? -kMost : std::clamp(logit, -kMost, kMost);
}

void Candidates::mask(int32_t token) {
  HEARTH_CHECK(!is_list_ && token >= 0 && static_cast<size_t>(token) < logits_.size());
  logits_[static_cast<size_t>(token)] = kMasked;
}

// Several running maxima, because one is a chain in which every comparison waits for the one before.
float Candidates::reset(std::span<float> logits) {
  logits_ = logits;
  list_.clear();
  is_list_ = false;
  weighed_ = false;
  constexpr size_t kLanes = 8;
  std::array<float, kLanes> highest;
  highest.fill(-kInfinity);
  const auto visit = [&](size_t i, size_t lane) {
    logits[i] = std::isnan(logits[i]) ? -kInfinity : logits[i];
    highest[lane] = logits[i] > highest[lane] ? logits[i] : highest[lane];
  };
  size_t i = 0;
  for (; i + kLanes <= logits.size(); i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) visit(i + lane, lane);
  }
  for (; i < logits.size(); ++i) visit(i, 0);
  return *std::max_element(highest.begin(), highest.end());
}

void Candidates::make_list() {
  is_list_ = true;
  for (size_t i = 0; i < logits_.size(); ++i) {
    if (logits_[i] != kMasked) list_.push_back({static_cast<int32_t>(i), logits_[i], 0.0});
  }
}

// One pass over the vocabulary: almost every token fails the comparison with the k-th best so far. Equal
// logits fail it too, which is right: the later token is the one that loses a tie.
void Candidates::keep_highest(size_t k) {
  if (is_list_ || k >= logits_.size()) {
    std::vector<Candidate>& all = list();
    std::sort(all.begin(), all.end(), by_logit);
    if (all.size() > k) all.resize(k);
    return;
  }
  is_list_ = true;
  const size_t capacity = 4 * k;
  const auto kth = static_cast<std::ptrdiff_t>(k);
  float threshold = kMasked;
  for (size_t i = 0; i < logits_.size(); ++i) {
    if (!(logits_[i] > threshold)) continue;
    list_.push_back({static_cast<int32_t>(i), logits_[i], 0.0});
    if (list_.size() < capacity) continue;
    std::nth_element(list_.begin(), list_.begin() + kth - 1, list_.end(), by_logit);
    list_.resize(k);
    threshold = list_[k - 1].logit;
  }
  std::sort(list_.begin(), list_.end(), by_logit);
  if (list_.size() > k) list_.resize(k);
}

std::vector<Candidate>& Candidates::list() {
  if (!is_list_) make_list();
  return list_;
}

std::vector<Candidate>& Candidates::weighed_list() {
  std::vector<Candidate>& all = list();
  if (weighed_) return all;
  weighed_ = true;
  const auto top = static_cast<double>(highest_logit(all));
  for (Candidate& candidate : all) {
    candidate.weight = deterministic_exp(static_cast<double>(candidate.logit) - top);
  }
  return all;
}

double Candidates::total_weight() {
  double total = 0.0;
  for (const Candidate& candidate : weighed_list()) total += candidate.weight;
  return total;
}

// From the highest logit down, so that the division by a small number cannot leave the range upwards.
void Candidates::divide(double divisor) {
  constexpr double kLeast = std::numeric_limits<float>::lowest();
  std::vector<Candidate>& all = list();
  const auto top = static_cast<double>(highest_logit(all));
  for (Candidate& candidate : all) {
    const double below_top = static_cast<double>(candidate.logit) - top;
    candidate.logit = static_cast<float>(std::max(below_top / divisor, kLeast));
  }
  weighed_ = false;
}

bool Candidates::all_masked() const {
  if (is_list_) return list_.empty();
  return std::all_of(logits_.begin(), logits_.end(), [](float logit) { return logit == kMasked; });
}

int32_t Candidates::best() const {
  if (!is_list_) {
    return static_cast<int32_t>(std::max_element(logits_.begin(), logits_.end()) - logits_.begin());
  }
  return list_.empty() ? 0 : std::min_element(list_.begin(), list_.end(), by_logit)->token;
}

}  // namespace hearth::sampling
