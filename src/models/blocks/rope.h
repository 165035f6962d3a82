// Rotary position embedding: the scalings of context, folded into one table of frequencies.
#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "formats/gguf/gguf.h"
#include "models/tensor_reader.h"
#include "tensor/backend.h"

namespace hearth::models {

enum class RopeScaling { kNone, kLinear, kYarn };

// As GGUF's rope.* keys describe it.
struct RopeConfig {
  int64_t n_rotated = 0;
  double frequency_base = 10000.0;
  RopeScaling scaling = RopeScaling::kNone;
  double factor = 1.0;                  // how much longer than the original the context is
  int64_t original_context_tokens = 0;  // YaRN
  double attention_factor = 1.0;        // multiplies the magnitude
  bool stretches_magnitude = true;      // YaRN: by its own factor too (arXiv:2309.00071 section 3.4)
  double extrapolation = 1.0;           // YaRN: 1 full ramp, 0 plain interpolation
  double beta_fast = 32.0;  // YaRN: turns over the original context above which a pair is left alone
  double beta_slow = 1.0;   // YaRN: turns below which a pair is interpolated fully
};

// Reads ARCHITECTURE.rope.*; every value is checked (finite, positive, even).
Result<RopeConfig> read_rope_config(const gguf::KeyValues& file, std::string_view architecture,
                                    int64_t head_dim, int64_t context_tokens);

// ARCHITECTURE.rope.pairs, "interleaved" or "halves", which no GGUF file has: of a checkpoint whose rows are
// not permuted as GGUF's are. Where it is absent, the family's own.
Result<tensor::RopeStyle> read_rope_style(const gguf::KeyValues& file, std::string_view architecture,
                                          tensor::RopeStyle family);

class Rope {
 public:
  // `frequency_factors`: [n_rotated / 2] divisors of the frequencies (Llama 3.x, rope_freqs.weight), or
  // empty.
  Rope(const RopeConfig& config, tensor::RopeStyle style, std::span<const float> frequency_factors);

  tensor::RopeArgs args() const noexcept {
    return {style_, static_cast<int64_t>(inverse_frequencies_.size()) * 2, inverse_frequencies_, magnitude_};
  }

 private:
  tensor::RopeStyle style_;
  std::vector<float> inverse_frequencies_;
  float magnitude_ = 1.0F;
};

// [n_rotated / 2] divisors of the frequencies; every one is checked to be positive.
Result<std::vector<float>> read_frequency_factors(TensorReader& tensors, const std::string& name,
                                                  const RopeConfig& config);

// Rope with the divisors in rope_freqs.weight, if the file has them.
Result<std::shared_ptr<const Rope>> read_rope(TensorReader& tensors, const RopeConfig& config,
                                              tensor::RopeStyle style);

}  // namespace hearth::models
