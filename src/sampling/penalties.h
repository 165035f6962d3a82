// Penalties on tokens that came before.
#pragma once

#include <cstdint>
#include <deque>
#include <unordered_map>

#include "sampling/candidates.h"
#include "sampling/options.h"

namespace hearth::sampling {

// Repeat, presence and frequency penalty over the last repeat_last_n tokens.
class Penalties {
 public:
  explicit Penalties(const SamplingOptions& options);
  void accept(int32_t token);
  void apply(Candidates& candidates) const;

 private:
  bool off_;
  float repeat_, presence_, frequency_;
  int32_t look_back_;
  std::deque<int32_t> recent_;                   // oldest first
  std::unordered_map<int32_t, int32_t> counts_;  // how often each of them stands in recent_
};

}  // namespace hearth::sampling
