// The steps of training: batches in, weights out.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "train/checkpoint.h"
#include "train/data/batches.h"
#include "train/decoder.h"
#include "train/optimiser.h"
#include "train/training_options.h"
#include "train/weights.h"

namespace hearth::train {

struct StepReport {
  int64_t step = 0;   // from 1
  double loss = 0.0;  // nats a token, before the step, of those that count; NaN where none does
  double learning_rate = 0.0;
  double norm = 0.0;     // of the derivatives, before clipping
  int64_t n_tokens = 0;  // that were computed
};

// One thread at a time may use it. All that is large is allocated when it is made, but for the weights.
class Trainer {
 public:
  // The weights are those that it begins with. The model is one that check_config() accepts, and the corpus
  // has more tokens than a sequence. All but the config must outlive it.
  Trainer(const DecoderConfig& model, const TrainingOptions& options, const Corpus& corpus,
          Weights<float>& weights, Threads& threads);

  // What a trainer of `n_weights` that are learnt takes, with these, but for the corpus.
  static uint64_t memory_bytes(const DecoderConfig& model, const TrainingOptions& options, int64_t n_weights);

  // From now on steps ask for what a teacher expects, too; which must outlive it.
  void learn_from(const Distillation& distillation);

  const TrainingOptions& options() const noexcept { return options_; }
  // Steps that were made.
  int64_t n_steps() const noexcept { return optimiser_.state().n_steps; }
  // kInvalidArgument where loss or derivatives are no numbers any more; the teacher's errors. The weights are
  // as they were then.
  Result<StepReport> step();

  // Nats a token over sequences of `corpus` from its start, at most `most` of them; NaN where no token
  // counts.
  double loss_on(const Corpus& corpus, int64_t most);

  std::span<const float> weights() noexcept { return weights_.values(); }
  const AdamW<float>::State& state() const noexcept { return optimiser_.state(); }
  // Of a checkpoint of this run.
  void go_on_from(Checkpoint checkpoint);

 private:
  // Of one batch, with its derivatives added; `begin` is its first row in the step.
  Result<double> learn_batch(size_t begin, double scale);

  const DecoderConfig model_config_;
  const TrainingOptions& options_;
  Threads& threads_;
  Weights<float>& weights_;
  Decoder<float> model_;
  AdamW<float> optimiser_;
  Batches batches_;
  std::vector<int32_t> tokens_;  // of a step
  std::vector<int32_t> targets_;
  Distillation distillation_;          // without a teacher: none
  std::vector<float> teacher_logits_;  // of a batch
};

}  // namespace hearth::train
