// Blocks of quantised weights as signed bytes in the order of the elements, for the NEON products.

namespace hearth::cpu::HEARTH_ISA {
namespace {

constexpr int kSuperVectors = quant::kSuperBlock / kVectorBytes;

// A K-quant block: elements, and the integer scales of its groups, four to a vector. Groups of 32 elements
// have eight scales, groups of 16 sixteen.
struct UnpackedBlock {
  Bytes q[kSuperVectors];
  I scales[kSuperVectors / 4];
};

inline Bytes low_nibbles(uint8x16_t x) {
  return vreinterpretq_s8_u8(vandq_u8(x, vdupq_n_u8(15)));
}
inline Bytes high_nibbles(uint8x16_t x) {
  return vreinterpretq_s8_u8(vshrq_n_u8(x, 4));
}

inline void unpack_elements(const quant::BlockQ4_K& block, Bytes (&q)[kSuperVectors]) {
  // Groups v / 2 and v / 2 + 1, two vectors each, share 32 bytes.
  for (int v = 0; v < kSuperVectors; v += 4) {
    for (int i = 0; i < 2; ++i) {
      const uint8x16_t both = vld1q_u8(block.qs + 8 * v + 16 * i);
      q[v + i] = low_nibbles(both);
      q[v + 2 + i] = high_nibbles(both);
    }
  }
}

inline void unpack_elements(const quant::BlockQ5_K& block, Bytes (&q)[kSuperVectors]) {
  for (int i = 0; i < 2; ++i) {
    const uint8x16_t top = vld1q_u8(block.qh + 16 * i);
    const auto fifth_bit = [&](int group) {
      const uint8x16_t bit = vdupq_n_u8(static_cast<uint8_t>(1 << group));
      return vreinterpretq_s8_u8(vandq_u8(vtstq_u8(top, bit), vdupq_n_u8(16)));
    };
    for (int v = 0; v < kSuperVectors; v += 4) {
      const uint8x16_t both = vld1q_u8(block.qs + 8 * v + 16 * i);
      q[v + i] = vorrq_s8(low_nibbles(both), fifth_bit(v / 2));
      q[v + 2 + i] = vorrq_s8(high_nibbles(both), fifth_bit(v / 2 + 1));
    }
  }
}

inline void unpack_elements(const quant::BlockQ6_K& block, Bytes (&q)[kSuperVectors]) {
  const auto centred = [](Bytes low, uint8x16_t top) {
    const Bytes top_bits = vreinterpretq_s8_u8(vandq_u8(top, vdupq_n_u8(0x30)));
    return vsubq_s8(vorrq_s8(low, top_bits), vdupq_n_s8(32));
  };
  for (int half = 0; half < 2; ++half) {
    for (int i = 0; i < 2; ++i) {
      const uint8x16_t first = vld1q_u8(block.ql + 64 * half + 16 * i);
      const uint8x16_t second = vld1q_u8(block.ql + 64 * half + 32 + 16 * i);
      const uint8x16_t top = vld1q_u8(block.qh + 32 * half + 16 * i);
      Bytes* to = q + 8 * half + i;
      to[0] = centred(low_nibbles(first), vshlq_n_u8(top, 4));
      to[2] = centred(low_nibbles(second), vshlq_n_u8(top, 2));
      to[4] = centred(high_nibbles(first), top);
      to[6] = centred(high_nibbles(second), vshrq_n_u8(top, 2));
    }
  }
}

// Eight words as integers.
inline void widen_words(int16x8_t words, I* out) {
  out[0] = vmovl_s16(vget_low_s16(words));
  out[1] = vmovl_high_s16(words);
}

// Q4_0 and Q8_0: both halves of a block.
struct SmallBlock {
  Bytes q[2];
};
struct SmallQ8_0 {
  using Block = quant::BlockQ8_0;
  static SmallBlock load(const Block& block) { return {{load_bytes(block.qs), load_bytes(block.qs + 16)}}; }
};
struct SmallQ4_0 {
  using Block = quant::BlockQ4_0;
  static SmallBlock load(const Block& block) {
    const uint8x16_t both = vld1q_u8(block.qs);
    const Bytes eight = vdupq_n_s8(8);
    return {{vsubq_s8(low_nibbles(both), eight), vsubq_s8(high_nibbles(both), eight)}};
  }
};

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
