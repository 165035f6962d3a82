// The tokens that may still be drawn, while one is being chosen.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace hearth::sampling {

struct Candidate {
  int32_t token;
  float logit;    // finite
  double weight;  // probability times a factor that all candidates share, once weigh() has been called
};

// Total orders, so that every machine's sort gives the same sequence.
inline constexpr auto by_logit = [](const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
};

// Begins as the whole vocabulary, as an array of logits, and becomes a list with the first filter: most
// chains cut it to some dozens of tokens in one pass. Tokens of logit -infinity (masked ones) never enter the
// list: no filter and no draw may bring them back. Not thread-safe; kept between calls so that a step
// allocates nothing.
class Candidates {
 public:
  // Takes the logits as its scratch memory until the next reset(). NaN becomes -infinity. Returns the highest
  // logit.
  float reset(std::span<float> logits);
  // The same where only some tokens are candidates: bit i % 64 of word i / 64 is token i's, and at least one
  // is set. Where they are few, the others are not even looked at. The highest logit is theirs.
  float reset(std::span<float> logits, std::span<const uint64_t> allowed);

  // No filter and no draw gives this token, which is in the vocabulary. Before the first filter only.
  void mask(int32_t token);
  // logit = change(logit, value) for each token of the map that is a candidate. Results that leave the range
  // of float are held at its ends.
  template <typename T, typename Change>
  void adjust(const std::unordered_map<int32_t, T>& values, Change change) {
    if (!is_list_) {
      for (const auto& [token, value] : values) {
        if (token < 0 || static_cast<size_t>(token) >= logits_.size()) continue;
        float& logit = logits_[static_cast<size_t>(token)];
        if (logit != kMasked) logit = held(change(logit, value));
      }
      return;
    }
    for (Candidate& candidate : list_) {
      const auto found = values.find(candidate.token);
      if (found != values.end()) candidate.logit = held(change(candidate.logit, found->second));
    }
    weighed_ = false;
  }

  // Keeps the k highest logits; ties: the lower token ids.
  void keep_highest(size_t k);
  // The candidates, to be reordered and shortened as a filter likes, never to be left empty.
  std::vector<Candidate>& list();
  // Those with their weights: e^(logit - highest logit).
  std::vector<Candidate>& weighed_list();
  double total_weight();
  // logit = (logit - highest logit) / divisor, divisor > 0.
  void divide(double divisor);

  // The first of the highest logits; where every token is masked, the first that was allowed.
  int32_t best() const;
  // Whether every token is masked.
  bool all_masked() const;

 private:
  static const float kMasked;
  static float held(float logit);
  void make_list();

  std::span<float> logits_;
  int32_t first_allowed_ = 0;
  std::vector<Candidate> list_;
  bool is_list_ = false;
  bool weighed_ = false;
};

}  // namespace hearth::sampling
