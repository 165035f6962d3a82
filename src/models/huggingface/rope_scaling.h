// The rotary embedding that a config.json describes, in GGUF's terms: keys ARCHITECTURE.rope.* and tables of
// divisors.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "models/huggingface/config.h"
#include "models/huggingface/key_values.h"

namespace hearth::models {

struct RopeInput {
  std::string architecture;
  uint32_t n_rotated = 0;
  uint32_t context_tokens = 0;  // max_position_embeddings
  uint32_t original_context_tokens =
      0;  // original_max_position_embeddings; 0: not said outside of the scaling
  double default_base = 10000.0;
  bool two_tables = false;  // whether the family chooses between LongRoPE's tables
};

struct RopeOutput {
  uint32_t context_tokens = 0;                       // for which the scaling is meant
  std::map<std::string, std::vector<float>> tables;  // tensors: rope_freqs.weight and the like
};

// Reads rope_theta and rope_scaling, or rope_parameters, which holds both, of `config` and adds them to
// `metadata`. Types: default, linear, llama3, yarn (arXiv:2309.00071) and longrope (arXiv:2402.13753);
// others, and options of these that Hearth does not compute, are kUnsupported.
Result<RopeOutput> read_rope_scaling(const HuggingFaceConfig& config, const RopeInput& input,
                                     OwnedMetadata& metadata);

// Llama 3.1's divisors of the frequencies base^(-2i / n_rotated): 1 for wavelengths below
// original / high_freq_factor, `factor` above original / low_freq_factor, and between them a mean of both
// weighed by where the wavelength lies. Source: Llama 3.1's published reference code.
struct Llama3Scaling {
  double factor = 1.0;
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  double original_context_tokens = 8192.0;
};
std::vector<float> llama3_divisors(const Llama3Scaling& scaling, double base, uint32_t n_rotated);

}  // namespace hearth::models
