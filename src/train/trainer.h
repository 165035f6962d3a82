// The steps of training: batches in, weights out.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "train/checkpoint.h"
#include "train/data/batches.h"
#include "train/llama.h"
#include "train/optimiser.h"
#include "train/recipe.h"

namespace hearth::train {

struct StepReport {
  int64_t step = 0;   // from 1
  double loss = 0.0;  // nats a token, before the step, of those that count; NaN where none does
  double learning_rate = 0.0;
  double norm = 0.0;     // of the derivatives, before clipping
  int64_t n_tokens = 0;  // that were computed
};

// One thread at a time may use it. All that is large is allocated when it is made.
class Trainer {
 public:
  // Weights as initialise() sets them. The recipe is one that parse_recipe() took, with the vocabulary's
  // size; the corpus has more tokens than a sequence. Both and `threads` must outlive it.
  Trainer(const Recipe& recipe, const Corpus& corpus, Threads& threads);

  // What a trainer takes, but for the corpus.
  static uint64_t memory_bytes(const Recipe& recipe);

  // Steps that were made.
  int64_t n_steps() const noexcept { return optimiser_.state().n_steps; }
  // kInvalidArgument where loss or derivatives are no numbers any more: the weights are as they were.
  Result<StepReport> step();

  // Nats a token over sequences of `corpus` from its start, at most `most` of them; NaN where no token
  // counts.
  double loss_on(const Corpus& corpus, int64_t most);

  const LlamaLayout& layout() const noexcept { return layout_; }
  std::span<const float> weights() noexcept { return weights_.values(); }
  const AdamW<float>::State& state() const noexcept { return optimiser_.state(); }
  // Of a checkpoint of this run.
  void go_on_from(Checkpoint checkpoint);

 private:
  const Recipe& recipe_;
  Threads& threads_;
  const LlamaLayout layout_;
  DenseWeights<float> weights_;
  Llama<float> model_;
  AdamW<float> optimiser_;
  Batches batches_;
  std::vector<int32_t> tokens_;  // of a step
  std::vector<int32_t> targets_;
};

}  // namespace hearth::train
