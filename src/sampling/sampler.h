// From logits to a token: penalties, then the filters, then temperature and a draw. Parameters bear the names
// and the defaults of Ollama's options.
#pragma once

#include <cstdint>
#include <deque>
#include <random>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/result.h"

namespace hearth::sampling {

struct SamplingOptions {
  float temperature = 0.8F;        // 0: greedy
  int32_t top_k = 40;              // 0 or less: off
  float top_p = 0.9F;              // 1: off
  float min_p = 0.0F;              // 0: off
  float typical_p = 1.0F;          // 1: off
  float repeat_penalty = 1.0F;     // 1: off. Source: arXiv:1909.05858 section 4.1
  float presence_penalty = 0.0F;   // 0: off
  float frequency_penalty = 0.0F;  // 0: off
  int32_t repeat_last_n = 64;      // tokens the penalties look back; 0: off, -1: the whole context
  int64_t seed = -1;               // -1: a random one
};

// kInvalidArgument naming the option, its range and the value. NaN is never in range.
Result<void> validate(const SamplingOptions& options);

// Chooses the tokens of one sequence. Not thread-safe. Deterministic for a seed: the same logits and history
// give the same tokens on every machine (std::mt19937_64 and our own draw, no std:: distribution).
class Sampler {
 public:
  // `options` have been validated.
  explicit Sampler(const SamplingOptions& options);

  // Tells of a token of the prompt or one that was generated: what the penalties look back on.
  void accept(int32_t token);

  // The next token. `logits` is the caller's scratch: it is changed. Must not be empty; NaN counts as
  // -infinity, and where the highest logit is not finite its first token is taken. Ties go to the
  // lower token id. Does not call accept().
  int32_t sample(std::span<float> logits);

  uint64_t seed() const noexcept { return seed_; }  // the one drawn, where the option was -1

 private:
  struct Candidate {
    int32_t token;
    float logit;
    double weight;  // probability times a factor that all candidates share
  };

  void apply_penalties(std::span<float> logits) const;
  void take_candidates(std::span<const float> logits);
  void keep_top_k(std::span<const float> logits, size_t k);
  void weigh(double temperature);
  void keep_typical();
  void keep_top_p();
  void keep_min_p();
  double total_weight() const;
  // Keeps the shortest prefix in the order `before` whose weights reach `wanted`.
  template <typename Before>
  void keep_mass(double wanted, Before before);
  int32_t draw();

  SamplingOptions options_;
  uint64_t seed_;
  std::mt19937_64 random_;
  std::deque<int32_t> recent_;                   // the tokens that the penalties look back on, oldest first
  std::unordered_map<int32_t, int32_t> counts_;  // how often each of them stands in recent_
  std::vector<Candidate> candidates_;            // kept between calls so that a step allocates nothing
};

}  // namespace hearth::sampling
