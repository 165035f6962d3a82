// The codebooks of the IQ types, a part of the format (ggml's ggml-common.h): which combinations of levels a
// group of eight (or four) weights may take. An entry holds the numbers of the levels, the first element in
// its lowest bits; the levels stand beside each table.
#pragma once

#include <cstdint>

namespace hearth::quant {

// Eight elements of two bits: levels 8, 25, 43.
extern const uint16_t kIQ2_XXSGrid[256];
extern const uint16_t kIQ2_XSGrid[512];
extern const uint16_t kIQ2_SGrid[1024];

// Four elements of three bits: levels 4, 12, 20, 28, 36, 44, 52, 62.
extern const uint16_t kIQ3_XXSGrid[256];
// Four elements of three bits: levels 1, 3, 5, 7, 9, 11, 13, 15.
extern const uint16_t kIQ3_SGrid[512];

// Eight elements of two bits: levels -1, 0, 1.
extern const uint16_t kIQ1_SGrid[2048];

}  // namespace hearth::quant
