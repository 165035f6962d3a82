// How probable tokens are to the model itself.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hearth::sampling {

// The log-softmax of one row of logits, computed of the raw ones: before biases, penalties, filters and
// temperature, so that it says what the model thinks and not what the sampler was told. The logits must stay
// as they are while this is used.
class LogSoftmax {
 public:
  // Must not be empty. NaN counts as -infinity. Costs one exponential for each logit that is not negligible.
  explicit LogSoftmax(std::span<const float> logits);

  // The natural logarithm of a token's probability. Never NaN nor infinite: what is impossible has the lowest
  // float, which JSON can hold.
  float logprob(int32_t token) const noexcept;
  // The n most probable tokens, descending; of equal ones the lower id first. Fewer where there are fewer.
  std::vector<int32_t> top(size_t n) const;

 private:
  std::span<const float> logits_;
  double highest_;  // of the logits
  double log_sum_;  // of the exponentials of how far each is below that
};

}  // namespace hearth::sampling
