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

std::optional<Precision> parse_precision(std::string_view text) {
  if (text == "auto") return Precision::kAuto;
  if (text == "f32") return Precision::kF32;
  if (text == "bf16") return Precision::kBf16;
  return std::nullopt;
}

}  // namespace hearth::train
