#include "train/data/batches.h"

#include <numeric>

#include "base/check.h"
#include "train/ops.h"
#include "train/random.h"

namespace hearth::train {

Batches::Batches(const Corpus& corpus, int64_t n_tokens, uint64_t seed)
    : corpus_(corpus), n_tokens_(static_cast<size_t>(n_tokens)), seed_(seed) {
  HEARTH_CHECK(n_tokens >= 1 && corpus.n_tokens() > n_tokens_);
  order_.resize(corpus.n_tokens() / n_tokens_);
}

void Batches::begin_epoch(int64_t epoch) {
  epoch_ = epoch;
  Random random(seed_, static_cast<uint64_t>(epoch));
  shift_ = epoch == 0 ? 0 : random.below(n_tokens_);
  std::iota(order_.begin(), order_.end(), size_t{0});
  shuffle(order_, random);
}

int64_t Batches::fill(int64_t index, std::span<int32_t> tokens, std::span<int32_t> targets) {
  HEARTH_CHECK(tokens.size() == n_tokens_ && targets.size() == n_tokens_);
  if (const int64_t epoch = index / n_of_epoch(); epoch != epoch_) begin_epoch(epoch);
  const size_t begin = shift_ + order_[static_cast<size_t>(index % n_of_epoch())] * n_tokens_;
  int64_t n_counted = 0;
  for (size_t i = 0; i < n_tokens_; ++i) {
    const size_t next = (begin + i + 1) % corpus_.n_tokens();
    tokens[i] = corpus_.token((begin + i) % corpus_.n_tokens());
    // The circle's seam follows from nothing.
    const bool counts = next != 0 && corpus_.counts(next);
    targets[i] = counts ? corpus_.token(next) : kNoTarget;
    n_counted += counts ? 1 : 0;
  }
  return n_counted;
}

}  // namespace hearth::train
