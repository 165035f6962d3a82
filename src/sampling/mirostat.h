// Mirostat: truncation that is steered so that the text's surprise stays near a target. Source:
// arXiv:2007.14966; version 2 is its authors' simplification, which cuts by surprise without estimating k.
// As in the paper, a token's surprise is that under the model's own distribution, so that texts have the one
// that was asked for. (llama.cpp takes it among what truncation left, and its texts are the more surprising.)
#pragma once

#include <cstdint>

#include "sampling/candidates.h"

namespace hearth::sampling {

class Mirostat {
 public:
  enum class Version : uint8_t { kOne = 1, kTwo = 2 };

  // `target` is the surprise to aim at, in bits; `rate` how fast it is approached.
  Mirostat(Version version, double target, double rate, int64_t vocabulary_size)
      : version_(version),
        target_(target),
        rate_(rate),
        vocabulary_size_(vocabulary_size),
        limit_(2.0 * target) {}

  // Keeps those that are not too surprising, at least the most probable.
  void truncate(Candidates& candidates);
  // Learns from what was drawn of them.
  void observe(const Candidate& drawn);

 private:
  size_t estimated_k(const std::vector<Candidate>& sorted) const;

  Version version_;
  double target_, rate_;
  int64_t vocabulary_size_;
  double limit_;        // the surprise above which tokens are cut: the paper's mu
  double total_ = 1.0;  // weight of all candidates before the last truncation
};

}  // namespace hearth::sampling
