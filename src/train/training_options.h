// How long weights are learnt, and how: whatever they are, and whatever the text is.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>

#include "train/decoder.h"
#include "train/optimiser.h"

namespace hearth::train {

// Of products (tensor::GemmPrecision). kAuto: bf16 where the processor has products of it.
enum class Precision { kAuto, kF32, kBf16 };

struct TrainingOptions {
  int64_t n_steps = 0;
  BatchShape batch;  // of which a step has `n_batches`
  int64_t n_batches = 1;
  AdamWOptions adamw;
  CosineSchedule schedule;
  double most_norm = 1.0;  // of the derivatives
  uint64_t seed = 1;
  bool recompute = false;  // Decoder's
  Precision precision = Precision::kAuto;
  int64_t evaluate_every = 100;    // steps
  int64_t checkpoint_every = 100;  // steps

  Activations activations() const noexcept {
    return recompute ? Activations::kRecompute : Activations::kKeep;
  }
  // All that a result depends on; but for the precision, which a run may change as it may change the machine.
  nlohmann::ordered_json json() const;
};

// "auto", "f32" or "bf16"; nothing for another text.
std::optional<Precision> parse_precision(std::string_view text);

}  // namespace hearth::train
