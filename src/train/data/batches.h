// Which tokens a step trains on.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "train/data/corpus.h"

namespace hearth::train {

// A corpus cut into sequences. Each epoch goes through all of it once, in another order and with other cuts;
// which sequence comes when depends on the seed alone, so that a run goes on where it ended by the number of
// the sequence. Not thread-safe; the corpus must outlive it.
class Batches {
 public:
  // corpus.n_tokens() > n_tokens >= 1, the length of a sequence.
  Batches(const Corpus& corpus, int64_t n_tokens, uint64_t seed);

  int64_t n_of_epoch() const noexcept { return static_cast<int64_t>(order_.size()); }
  // Sequence number `index` of the run: tokens and targets [n_tokens], which are the tokens that follow, or
  // kNoTarget where these do not count. Returns how many count.
  int64_t fill(int64_t index, std::span<int32_t> tokens, std::span<int32_t> targets);

 private:
  void begin_epoch(int64_t epoch);

  const Corpus& corpus_;
  const size_t n_tokens_;
  const uint64_t seed_;
  int64_t epoch_ = -1;
  size_t shift_ = 0;  // where the first sequence begins; the corpus is a circle
  std::vector<size_t> order_;
};

}  // namespace hearth::train
