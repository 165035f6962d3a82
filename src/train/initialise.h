// The weights that training begins with.
#pragma once

#include <cstdint>
#include <span>

#include "train/decoder_layout.h"

namespace hearth::train {

// Norms 1, all else normal with deviation 0.02, and 0.02 / sqrt(2 layers) where a block adds to what goes
// around it, so that the sum of all of them keeps its size. Source: GPT-2's (Radford et al., 2019, 2.3). The
// same weights for a seed everywhere.
void initialise(const DecoderLayout& layout, uint64_t seed, std::span<float> weights);

}  // namespace hearth::train
