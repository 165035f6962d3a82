// How long weights are learnt, and how: whatever they are, and whatever the text is.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>

#include "train/llama.h"
#include "train/optimiser.h"

namespace hearth::train {

struct TrainingOptions {
  int64_t n_steps = 0;
  BatchShape batch;  // of which a step has `n_batches`
  int64_t n_batches = 1;
  AdamWOptions adamw;
  CosineSchedule schedule;
  double most_norm = 1.0;  // of the derivatives
  uint64_t seed = 1;
  bool recompute = false;          // Llama's
  int64_t evaluate_every = 100;    // steps
  int64_t checkpoint_every = 100;  // steps

  Activations activations() const noexcept {
    return recompute ? Activations::kRecompute : Activations::kKeep;
  }
  // All that a result depends on.
  nlohmann::ordered_json json() const;
};

}  // namespace hearth::train
