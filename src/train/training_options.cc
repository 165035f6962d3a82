#include "train/training_options.h"

#include <nlohmann/json.hpp>

namespace hearth::train {

nlohmann::ordered_json TrainingOptions::json() const {
  return {{"steps", n_steps},
          {"sequences", batch.n_sequences},
          {"sequence_tokens", batch.n_tokens},
          {"accumulate", n_batches},
          {"learning_rate", schedule.peak},
          {"last_learning_rate", schedule.last},
          {"warmup_steps", schedule.warmup_steps},
          {"weight_decay", adamw.weight_decay},
          {"beta1", adamw.beta1},
          {"beta2", adamw.beta2},
          {"clip", most_norm},
          {"seed", seed}};
}

}  // namespace hearth::train
