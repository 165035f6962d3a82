// The blocks of the quantised types, as they stand in GGUF files: little-endian, no padding.
// Layout and meaning: docs/formats/gguf.md. Half-precision scales are kept as their bits (quant/half.h reads
// them).
//
// Per-ISA kernels include this file, so it holds plain structs only: no functions, no standard library beyond
// <cstdint>.
#pragma once

#include <cstdint>

namespace hearth::quant {

inline constexpr int kSmallBlock = 32;   // elements of a Q4_0 or Q8_0 block
inline constexpr int kSuperBlock = 256;  // elements of a K-quant block

// x[i] = d * (q[i] - 8). Byte j holds element j in its low nibble and element j + 16 in its high one.
struct BlockQ4_0 {
  uint16_t d;
  uint8_t qs[16];
};
static_assert(sizeof(BlockQ4_0) == 18);

// x[i] = d * q[i]
struct BlockQ8_0 {
  uint16_t d;
  int8_t qs[32];
};
static_assert(sizeof(BlockQ8_0) == 34);

// Eight groups of 32: x = d * scale[g] * q - dmin * min[g].
// scales: 6-bit scales and mins. For g < 4, scale[g] is the low 6 bits of byte g and min[g] those of byte
// g + 4; for g >= 4 their low 4 bits share byte g + 4 (scale low, min high), their top 2 bits are those of
// bytes g - 4 and g. qs: groups 2j and 2j + 1 share bytes 32 j .. 32 j + 31, the even group in the low
// nibbles.
struct BlockQ4_K {
  uint16_t d;
  uint16_t dmin;
  uint8_t scales[12];
  uint8_t qs[128];
};
static_assert(sizeof(BlockQ4_K) == 144);

// As Q4_K, with a fifth bit: bit g of qh[i] belongs to element i of group g.
struct BlockQ5_K {
  uint16_t d;
  uint16_t dmin;
  uint8_t scales[12];
  uint8_t qh[32];
  uint8_t qs[128];
};
static_assert(sizeof(BlockQ5_K) == 176);

// Sixteen groups of 16: x = d * scales[g] * (q - 32). Each half of 128 elements has 64 bytes of ql and 32 of
// qh: its element 32 c + i has low nibble c / 2 of ql[32 (c % 2) + i] and bits 2c, 2c + 1 of qh[i].
struct BlockQ6_K {
  uint8_t ql[128];
  uint8_t qh[64];
  int8_t scales[16];
  uint16_t d;
};
static_assert(sizeof(BlockQ6_K) == 210);

}  // namespace hearth::quant
