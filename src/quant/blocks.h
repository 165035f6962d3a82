// The blocks of the quantised types, as they stand in GGUF files (all but A4 and A8): little-endian, no
// padding.
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

// x[i] = d * q[i] + m; nibbles as in Q4_0.
struct BlockQ4_1 {
  uint16_t d;
  uint16_t m;
  uint8_t qs[16];
};
static_assert(sizeof(BlockQ4_1) == 20);

// x[i] = d * (q[i] - 16). Low four bits as in Q4_0; the fifth of element i is bit i of the 32 of qh.
struct BlockQ5_0 {
  uint16_t d;
  uint8_t qh[4];
  uint8_t qs[16];
};
static_assert(sizeof(BlockQ5_0) == 22);

// x[i] = d * q[i] + m; bits as in Q5_0.
struct BlockQ5_1 {
  uint16_t d;
  uint16_t m;
  uint8_t qh[4];
  uint8_t qs[16];
};
static_assert(sizeof(BlockQ5_1) == 24);

// x[i] = d * q[i]
struct BlockQ8_0 {
  uint16_t d;
  int8_t qs[32];
};
static_assert(sizeof(BlockQ8_0) == 34);

// Sixteen groups of 16: x = d * scale[g] * q - dmin * min[g], scale in the low nibble of scales[g] and min in
// the high one. Each half of 128 elements has 32 bytes of qs: its element 32 c + i has bits 2c, 2c + 1 of
// byte i.
struct BlockQ2_K {
  uint8_t scales[16];
  uint8_t qs[64];
  uint16_t d;
  uint16_t dmin;
};
static_assert(sizeof(BlockQ2_K) == 84);

// Sixteen groups of 16: x = d * (scale[g] - 32) * (q - 4). Low two bits of q as in Q2_K; the third of element
// 32 c + i of half h is bit 4 h + c of hmask[i].
// scales: six bits each. The low four of scale[g] are a nibble of byte g % 8 (low for g < 8), the top two are
// bits 2 (g / 4), 2 (g / 4) + 1 of byte 8 + g % 4.
struct BlockQ3_K {
  uint8_t hmask[32];
  uint8_t qs[64];
  uint8_t scales[12];
  uint16_t d;
};
static_assert(sizeof(BlockQ3_K) == 110);

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

// The IQ types choose small vectors from codebooks (quant/iq_tables.h). A "sign index" of seven bits stands
// for eight signs, element 0 in its lowest bit: the eighth makes the number of negative ones even. Groups
// have 32 elements.

// x = d * (scale + 1/2) / 4 * grid * sign. Four uint16 of qs to a group, little-endian 64 bits: four codebook
// indices of 8 bits, four sign indices of 7 bits, a scale of 4 bits.
struct BlockIQ2_XXS {
  uint16_t d;
  uint16_t qs[32];
};
static_assert(sizeof(BlockIQ2_XXS) == 66);

// x as above. qs[i] is of elements 8 i ...: a codebook index of 9 bits, a sign index of 7. Each half of a
// group has a scale of four bits, the first in the low nibble.
struct BlockIQ2_XS {
  uint16_t d;
  uint16_t qs[32];
  uint8_t scales[8];
};
static_assert(sizeof(BlockIQ2_XS) == 74);

// x as above; scales as in IQ2_XS. Codebook indices of 10 bits: low eight in qs, bits 2 l, 2 l + 1 of qh[g]
// for the l-th of group g; all eight signs are stored.
struct BlockIQ2_S {
  uint16_t d;
  uint8_t qs[32];
  uint8_t signs[32];
  uint8_t qh[8];
  uint8_t scales[8];
};
static_assert(sizeof(BlockIQ2_S) == 82);

// x = d * (scale + 1/2) / 2 * grid * sign. Eight codebook indices to a group, of four elements each; then,
// for each group, little-endian 32 bits: four sign indices of 7 bits, a scale of 4 bits.
struct BlockIQ3_XXS {
  uint16_t d;
  uint8_t qs[64];
  uint8_t signs_and_scales[32];
};
static_assert(sizeof(BlockIQ3_XXS) == 98);

// x = d * (2 scale + 1) * grid * sign. Codebook indices of 9 bits: low eight in qs, bit l of qh[g] for the
// l-th of group g; all eight signs are stored; the scales of groups 2 i, 2 i + 1 are nibbles of scales[i].
struct BlockIQ3_S {
  uint16_t d;
  uint8_t qs[64];
  uint8_t qh[8];
  uint8_t signs[32];
  uint8_t scales[4];
};
static_assert(sizeof(BlockIQ3_S) == 110);

// x = d * (2 scale + 1) * (grid + delta). Codebook indices of 11 bits: low eight in qs, bits 3 l .. 3 l + 2
// of qh[g] for the l-th of group g. Bits 12 to 14 of qh[g] are its scale, bit 15 says that delta is -1/8, not
// 1/8.
struct BlockIQ1_S {
  uint16_t d;
  uint8_t qs[32];
  uint16_t qh[8];
};
static_assert(sizeof(BlockIQ1_S) == 50);

// x as in IQ1_S. A nibble of qh to eight elements: three bits of the index and the sign of delta. scales is
// four little-endian uint16, each with four scales of three bits (one to 16 elements) and, in its top four
// bits, a nibble of the half-precision d, the lowest first.
struct BlockIQ1_M {
  uint8_t qs[32];
  uint8_t qh[16];
  uint8_t scales[8];
};
static_assert(sizeof(BlockIQ1_M) == 56);

// x = d * level[q], with 16 levels that are denser near 0; nibbles as in Q4_0.
struct BlockIQ4_NL {
  uint16_t d;
  uint8_t qs[16];
};
static_assert(sizeof(BlockIQ4_NL) == 18);

// x = d * (scale[g] - 32) * level[q], nibbles of a group as in Q4_0. Scales of six bits: low four a nibble of
// scales_l[g / 2], top two bits 2 g, 2 g + 1 of scales_h.
struct BlockIQ4_XS {
  uint16_t d;
  uint16_t scales_h;
  uint8_t scales_l[4];
  uint8_t qs[128];
};
static_assert(sizeof(BlockIQ4_XS) == 136);

// x = d * (t - 1), t of 0 .. 2. A byte of qs holds five t, one of qh four, as a fraction b / 256 whose digits
// to base 3 they are (the fourth digit of qh's first, its fifth is 0). Digit n of the first 32 bytes is of
// elements 32 n ..., of the next 16 of elements 160 + 16 n ..., of qh of 240 + 4 n ...
struct BlockTQ1_0 {
  uint8_t qs[48];
  uint8_t qh[4];
  uint16_t d;
};
static_assert(sizeof(BlockTQ1_0) == 54);

// x = d * (q - 1); two bits to an element, order as in Q2_K.
struct BlockTQ2_0 {
  uint8_t qs[64];
  uint16_t d;
};
static_assert(sizeof(BlockTQ2_0) == 66);

inline constexpr int kQ1_0Block = 128;
inline constexpr int kQ2_0Block = 64;

// x[i] = d where bit i is set, else -d.
struct BlockQ1_0 {
  uint16_t d;
  uint8_t qs[16];
};
static_assert(sizeof(BlockQ1_0) == 18);

// x[i] = d * (q[i] - 1); q[i] is bits 2 (i % 4), 2 (i % 4) + 1 of byte i / 4.
struct BlockQ2_0 {
  uint16_t d;
  uint8_t qs[16];
};
static_assert(sizeof(BlockQ2_0) == 18);

// x = 2^(e - 127) * E2M1, nibbles as in Q4_0. Source: OCP Microscaling Formats 1.0.
struct BlockMXFP4 {
  uint8_t e;
  uint8_t qs[16];
};
static_assert(sizeof(BlockMXFP4) == 17);

inline constexpr int kNVFP4Block = 64;
inline constexpr int kNVFP4Group = 16;

// Four groups of 16: x = d[g] * E2M1, d of unsigned E4M3. Byte j of a group's eight holds its element j in
// the low nibble and element j + 8 in the high one.
struct BlockNVFP4 {
  uint8_t d[4];
  uint8_t qs[32];
};
static_assert(sizeof(BlockNVFP4) == 36);

// x[i] = scale * (q[i] - zero): the affine groups of GPTQ and AWQ, cut into blocks of 32 that each bear their
// group's scale and zero. The scale is a float32 in two halves, the low one first, since blocks are aligned
// to two bytes. Nibbles as in Q4_0.
struct BlockA4 {
  uint16_t scale[2];
  int16_t zero;
  uint8_t qs[16];
};
static_assert(sizeof(BlockA4) == 22);

// The same with eight bits.
struct BlockA8 {
  uint16_t scale[2];
  int16_t zero;
  uint8_t qs[32];
};
static_assert(sizeof(BlockA8) == 38);

}  // namespace hearth::quant
