#include "sampling/sampler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>

#include "sampling/deterministic_exp.h"

namespace hearth::sampling {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Written so that NaN is outside.
Result<void> check_range(std::string_view name, float value, float low, float high, std::string_view range) {
  if (value >= low && value <= high) return {};
  return make_error(ErrorCode::kInvalidArgument, "{}: expected {}, found {}", name, range, value);
}

uint64_t random_seed() {
  std::random_device device;
  return (static_cast<uint64_t>(device()) << 32) | device();
}

// Replaces NaN by -infinity and returns the highest logit. Several running maxima, because one is a chain in
// which every comparison waits for the one before.
float clean_and_find_highest(std::span<float> logits) {
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

// Total orders, so that every machine's sort gives the same sequence.
constexpr auto by_logit = [](const auto& a, const auto& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
};

}  // namespace

Result<void> validate(const SamplingOptions& options) {
  constexpr float kMax = std::numeric_limits<float>::max();
  constexpr float kTiny = std::numeric_limits<float>::min();
  HEARTH_TRY(check_range("temperature", options.temperature, 0, kMax, "0 or more"));
  HEARTH_TRY(check_range("top_p", options.top_p, 0, 1, "0 to 1"));
  HEARTH_TRY(check_range("min_p", options.min_p, 0, 1, "0 to 1"));
  HEARTH_TRY(check_range("typical_p", options.typical_p, 0, 1, "0 to 1"));
  HEARTH_TRY(check_range("repeat_penalty", options.repeat_penalty, kTiny, kMax, "more than 0"));
  HEARTH_TRY(check_range("presence_penalty", options.presence_penalty, -kMax, kMax, "a finite number"));
  HEARTH_TRY(check_range("frequency_penalty", options.frequency_penalty, -kMax, kMax, "a finite number"));
  if (options.repeat_last_n < -1) {
    return make_error(ErrorCode::kInvalidArgument, "repeat_last_n: expected -1 or more, found {}",
                      options.repeat_last_n);
  }
  return {};
}

Sampler::Sampler(const SamplingOptions& options)
    : options_(options),
      seed_(options.seed == -1 ? random_seed() : static_cast<uint64_t>(options.seed)),
      random_(seed_) {}

void Sampler::accept(int32_t token) {
  if (options_.repeat_last_n == 0) return;
  recent_.push_back(token);
  ++counts_[token];
  if (options_.repeat_last_n < 0 || recent_.size() <= static_cast<size_t>(options_.repeat_last_n)) return;
  const auto oldest = counts_.find(recent_.front());
  if (--oldest->second == 0) counts_.erase(oldest);
  recent_.pop_front();
}

int32_t Sampler::sample(std::span<float> logits) {
  HEARTH_CHECK(!logits.empty());
  apply_penalties(logits);
  const float highest = clean_and_find_highest(logits);
  if (options_.temperature == 0.0F || !std::isfinite(highest)) {
    return static_cast<int32_t>(std::find(logits.begin(), logits.end(), highest) - logits.begin());
  }

  take_candidates(logits);
  if (options_.typical_p < 1.0F || options_.top_p < 1.0F || options_.min_p > 0.0F) weigh(1.0);
  if (options_.typical_p < 1.0F) keep_typical();
  if (options_.top_p < 1.0F) keep_top_p();
  if (options_.min_p > 0.0F) keep_min_p();
  weigh(options_.temperature);
  return draw();
}

// The repetition penalty divides what speaks for a token and multiplies what speaks against it, so that it
// always lowers (arXiv:1909.05858 has the division alone, which raises negative logits).
void Sampler::apply_penalties(std::span<float> logits) const {
  const bool off = options_.repeat_penalty == 1.0F && options_.presence_penalty == 0.0F &&
                   options_.frequency_penalty == 0.0F;
  if (off) return;
  for (const auto& [token, count] : counts_) {
    if (token < 0 || static_cast<size_t>(token) >= logits.size()) continue;
    float& logit = logits[static_cast<size_t>(token)];
    logit = logit > 0.0F ? logit / options_.repeat_penalty : logit * options_.repeat_penalty;
    logit -= static_cast<float>(count) * options_.frequency_penalty + options_.presence_penalty;
  }
}

// Tokens of logit -infinity (masked ones) are no candidates: no filter and no draw may bring them back.
void Sampler::take_candidates(std::span<const float> logits) {
  candidates_.clear();
  const auto k = static_cast<size_t>(std::max(options_.top_k, 0));
  if (k > 0 && k < logits.size()) return keep_top_k(logits, k);
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] != -kInfinity) candidates_.push_back({static_cast<int32_t>(i), logits[i], 0.0});
  }
}

// One pass over the vocabulary: almost every token fails the comparison with the k-th best so far. Equal
// logits fail it too, which is right: the later token is the one that loses a tie.
void Sampler::keep_top_k(std::span<const float> logits, size_t k) {
  const size_t capacity = 4 * k;
  const auto kth = static_cast<std::ptrdiff_t>(k);
  float threshold = -kInfinity;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (!(logits[i] > threshold)) continue;
    candidates_.push_back({static_cast<int32_t>(i), logits[i], 0.0});
    if (candidates_.size() < capacity) continue;
    std::nth_element(candidates_.begin(), candidates_.begin() + kth - 1, candidates_.end(), by_logit);
    candidates_.resize(k);
    threshold = candidates_[k - 1].logit;
  }
  std::sort(candidates_.begin(), candidates_.end(), by_logit);
  if (candidates_.size() > k) candidates_.resize(k);
}

void Sampler::weigh(double temperature) {
  float top = -kInfinity;
  for (const Candidate& candidate : candidates_) top = std::max(top, candidate.logit);
  for (Candidate& candidate : candidates_) {
    const double below_top = static_cast<double>(candidate.logit) - static_cast<double>(top);
    candidate.weight = deterministic_exp(below_top / temperature);
  }
}

// Sorts no more than is kept: a sorted head that grows until it holds the mass.
template <typename Before>
void Sampler::keep_mass(double wanted, Before before) {
  constexpr size_t kFirstHead = 64;
  constexpr size_t kGrowth = 8;
  double mass = 0.0;
  size_t sorted = 0;
  for (size_t head = kFirstHead; sorted < candidates_.size(); head *= kGrowth) {
    const size_t end = std::min(head, candidates_.size());
    const auto from = candidates_.begin() + static_cast<std::ptrdiff_t>(sorted);
    const auto to = candidates_.begin() + static_cast<std::ptrdiff_t>(end);
    if (to != candidates_.end()) std::nth_element(from, to, candidates_.end(), before);
    std::sort(from, to, before);
    for (; sorted < end; ++sorted) {
      mass += candidates_[sorted].weight;
      if (mass >= wanted) return candidates_.resize(sorted + 1);
    }
  }
}

// Locally typical sampling (arXiv:2202.00666): the tokens whose surprise -log p is nearest to the entropy,
// the expected surprise. With p = exp(logit) / Z, log Z cancels in the difference and leaves the distance of
// a logit from the expected logit.
void Sampler::keep_typical() {
  const double total = total_weight();
  double sum = 0.0;
  for (const Candidate& candidate : candidates_) {
    sum += candidate.weight * static_cast<double>(candidate.logit);
  }
  const double expected = sum / total;
  keep_mass(static_cast<double>(options_.typical_p) * total,
            [expected](const Candidate& a, const Candidate& b) {
              const double distance_a = std::abs(static_cast<double>(a.logit) - expected);
              const double distance_b = std::abs(static_cast<double>(b.logit) - expected);
              return distance_a != distance_b ? distance_a < distance_b : a.token < b.token;
            });
}

// Nucleus sampling (arXiv:1904.09751): the most probable tokens that together reach top_p.
void Sampler::keep_top_p() {
  const double total = total_weight();
  const double wanted = static_cast<double>(options_.top_p) * total;
  // All tokens below this weight together have less than 1 - top_p: none of them is reached, so none is
  // sorted.
  const double unreached = (total - wanted) / static_cast<double>(candidates_.size());
  std::erase_if(candidates_,
                [unreached](const Candidate& candidate) { return candidate.weight < unreached; });
  keep_mass(wanted, by_logit);
}

// Min-p (arXiv:2407.01082): what has at least this share of the most probable token's probability.
void Sampler::keep_min_p() {
  double top = 0.0;
  for (const Candidate& candidate : candidates_) top = std::max(top, candidate.weight);
  const double floor = static_cast<double>(options_.min_p) * top;
  std::erase_if(candidates_, [floor](const Candidate& candidate) { return candidate.weight < floor; });
}

double Sampler::total_weight() const {
  double total = 0.0;
  for (const Candidate& candidate : candidates_) total += candidate.weight;
  return total;
}

int32_t Sampler::draw() {
  const double uniform = static_cast<double>(random_() >> 11) * 0x1p-53;  // 53 bits: every double in [0, 1)
  double remaining = uniform * total_weight();
  int32_t last_possible = candidates_.front().token;
  for (const Candidate& candidate : candidates_) {
    if (candidate.weight == 0.0) continue;
    last_possible = candidate.token;
    remaining -= candidate.weight;
    if (remaining < 0.0) break;
  }
  return last_possible;
}

}  // namespace hearth::sampling
