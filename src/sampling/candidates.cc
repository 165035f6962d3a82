#include "sampling/candidates.h"

#include <algorithm>
#include <array>
#include <bit>
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
  HEARTH_CHECK(token >= 0 && static_cast<size_t>(token) < logits_.size());
  logits_[static_cast<size_t>(token)] = kMasked;
  if (is_list_) std::erase_if(list_, [&](const Candidate& candidate) { return candidate.token == token; });
}

// Several running maxima, because one is a chain in which every comparison waits for the one before.
float Candidates::reset(std::span<float> logits) {
  logits_ = logits;
  first_allowed_ = 0;
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

float Candidates::reset(std::span<float> logits, std::span<const uint64_t> allowed) {
  constexpr size_t kWordTokens = 64;
  HEARTH_CHECK(allowed.size() == (logits.size() + kWordTokens - 1) / kWordTokens);
  size_t n_allowed = 0;
  for (const uint64_t word : allowed) n_allowed += static_cast<size_t>(std::popcount(word));
  HEARTH_CHECK(n_allowed > 0);
  const auto for_each = [](uint64_t word, size_t base, const auto& visit) {
    for (; word != 0; word &= word - 1) visit(base + static_cast<size_t>(std::countr_zero(word)));
  };
  const auto first_word =
      std::find_if(allowed.begin(), allowed.end(), [](uint64_t word) { return word != 0; });
  const auto first_allowed =
      static_cast<int32_t>(static_cast<size_t>(first_word - allowed.begin()) * kWordTokens) +
      std::countr_zero(*first_word);
  // A list is dearer for each token than the array is.
  constexpr size_t kListShare = 16;
  if (n_allowed > logits.size() / kListShare) {
    for (size_t i = 0; i < allowed.size(); ++i) {
      if (allowed[i] == ~uint64_t{0}) continue;
      const size_t base = i * kWordTokens;
      const size_t n = std::min(kWordTokens, logits.size() - base);
      const uint64_t inside = n == kWordTokens ? ~uint64_t{0} : (uint64_t{1} << n) - 1;
      for_each(~allowed[i] & inside, base, [&](size_t token) { logits[token] = kMasked; });
    }
    const float highest = reset(logits);
    first_allowed_ = first_allowed;
    return highest;
  }
  logits_ = logits;
  first_allowed_ = first_allowed;
  list_.clear();
  is_list_ = true;
  weighed_ = false;
  for (size_t i = 0; i < allowed.size(); ++i) {
    for_each(allowed[i], i * kWordTokens, [&](size_t token) {
      const float logit = logits[token];
      if (!std::isnan(logit) && logit != kMasked) list_.push_back({static_cast<int32_t>(token), logit, 0.0});
    });
  }
  return highest_logit(list_);
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
    const auto highest = std::max_element(logits_.begin(), logits_.end());
    return *highest == kMasked ? first_allowed_ : static_cast<int32_t>(highest - logits_.begin());
  }
  return list_.empty() ? first_allowed_ : std::min_element(list_.begin(), list_.end(), by_logit)->token;
}

}  // namespace hearth::sampling
