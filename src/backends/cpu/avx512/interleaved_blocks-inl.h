// Blocks of a panel's sixteen weight rows, interleaved: a lane of 32 bits holds four neighbouring elements of
// a row, and the lanes of a vector are the rows. So a product of vectors sums the rows side by side: nothing
// is left to be added up across lanes, and the scales of sixteen rows are applied by one multiplication.

namespace hearth::cpu::HEARTH_ISA {
namespace {

// What the sixteen rows of a block have beside their elements.
struct BlockScales {
  I groups[4];  // byte g % 4 of a lane of groups[g / 4] is the scale of group g
  I mins[2];    // the same, of affine types
  F d;
  F dmin;
};

inline void prefetch_next_blocks(const Panel& panel, int64_t offset, int64_t n_bytes,
                                 const MatmulTask& task) {
  for (const char* row : panel.rows) {
    const char* next = row + offset + kLanes * task.w_row_bytes;
    for (int64_t i = 0; i < n_bytes; i += 64) prefetch_l2(next + i);
  }
}

// Byte `index` of each lane: alone, or in each of the lane's words.
inline I spread_byte(I lanes, uint32_t places, uint32_t step) {
  const auto lane = [&](uint32_t i) { return static_cast<int>(places + i * step); };
  return _mm512_shuffle_epi8(lanes,
                             _mm512_broadcast_i32x4(_mm_set_epi32(lane(3), lane(2), lane(1), lane(0))));
}
inline I byte_as_integer(I lanes, int index) {
  return spread_byte(lanes, 0x80808000U + static_cast<uint32_t>(index), 4);
}
inline I byte_as_words(I lanes, int index) {
  return spread_byte(lanes, 0x80008000U + 0x00010001U * static_cast<uint32_t>(index), 0x00040004U);
}
// The scale of group g of each row.
template <typename Weights>
inline F scale_of_group(const BlockScales& scales, int g) {
  const I bytes = scales.groups[g / 4];
  if constexpr (Weights::kHasMins) return to_floats(byte_as_integer(bytes, g % 4));
  return to_floats(_mm512_srai_epi32(_mm512_sllv_epi32(bytes, _mm512_set1_epi32(24 - 8 * (g % 4))), 24));
}

// What Q4_K and Q5_K begin with (quant/blocks.h): d, dmin and twelve bytes of scales and mins.
inline void interleave_six_bits(const Panel& panel, int64_t at, BlockScales& out) {
  I words[4];
  interleave_16(panel.rows, at, words);
  out.d = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(words[0]));
  out.dmin = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_srli_epi32(words[0], 16)));
  const I six = _mm512_set1_epi8(0x3F);
  const I four = _mm512_set1_epi8(0x0F);
  const I top = _mm512_set1_epi8(0x30);
  const I high = _mm512_srli_epi32(words[3], 4);
  out.groups[0] = _mm512_and_si512(words[1], six);
  out.groups[1] = and_then_or(_mm512_srli_epi32(words[1], 2), top, _mm512_and_si512(words[3], four));
  out.mins[0] = _mm512_and_si512(words[2], six);
  out.mins[1] = and_then_or(_mm512_srli_epi32(words[2], 2), top, _mm512_and_si512(high, four));
}

// A run of 32 elements of each row: vector j has elements 4 j .. 4 j + 3.
struct Run {
  I q[8];
};

// K-quants. Each hands the runs of a block to use(first number, run, second number, run), two at a time,
// unsigned: more than two need more registers than there are.
//
// kLargestGroup: no group's sum times its scale is larger. Up to 2^24, floats are exact.
struct InterleavedQ4_K {
  using Block = quant::BlockQ4_K;
  static constexpr int kGroups = 8;
  static constexpr int kLargestGroup = 32 * 15 * 127 * 63;
  static constexpr bool kHasMins = true;
  static constexpr int kOffset = 0;

  static void scales(const Panel& panel, int64_t at, BlockScales& out) {
    interleave_six_bits(panel, at, out);
  }
  template <typename Use>
  static void runs(const Panel& panel, int64_t at, const Use& use) {
#pragma GCC unroll 1
    for (int pair = 0; pair < 4; ++pair) {
      Run low;
      Run high;
      interleave_32(panel.rows, at + static_cast<int64_t>(offsetof(Block, qs)) + 32 * pair, low.q);
      for (int j = 0; j < 8; ++j) {
        high.q[j] = high_nibbles(low.q[j]);
        low.q[j] = low_nibbles(low.q[j]);
      }
      use(2 * pair, low, 2 * pair + 1, high);
    }
  }
};

struct InterleavedQ5_K {
  using Block = quant::BlockQ5_K;
  static constexpr int kGroups = 8;
  static constexpr int kLargestGroup = 32 * 31 * 127 * 63;
  static constexpr bool kHasMins = true;
  static constexpr int kOffset = 0;

  static void scales(const Panel& panel, int64_t at, BlockScales& out) {
    interleave_six_bits(panel, at, out);
  }
  template <typename Use>
  static void runs(const Panel& panel, int64_t at, const Use& use) {
    const I fifth = _mm512_set1_epi8(16);
    I top[8];  // bit g of a byte
    interleave_32(panel.rows, at + static_cast<int64_t>(offsetof(Block, qh)), top);
#pragma GCC unroll 1
    for (int pair = 0; pair < 4; ++pair) {
      Run low;
      Run high;
      interleave_32(panel.rows, at + static_cast<int64_t>(offsetof(Block, qs)) + 32 * pair, low.q);
      for (int j = 0; j < 8; ++j) {
        high.q[j] = and_then_or(_mm512_slli_epi32(top[j], 3), fifth, high_nibbles(low.q[j]));
        low.q[j] = and_then_or(_mm512_slli_epi32(top[j], 4), fifth, low_nibbles(low.q[j]));
        top[j] = _mm512_srli_epi32(top[j], 2);
      }
      use(2 * pair, low, 2 * pair + 1, high);
    }
  }
};

struct InterleavedQ6_K {
  using Block = quant::BlockQ6_K;
  static constexpr int kGroups = 16;
  static constexpr int kLargestGroup = 16 * 32 * 127 * 128;  // less its offset
  static constexpr bool kHasMins = false;
  static constexpr int kOffset = 32;

  static void scales(const Panel& panel, int64_t at, BlockScales& out) {
    interleave_16(panel.rows, at + static_cast<int64_t>(offsetof(Block, scales)), out.groups);
    out.d = load_halves(panel.rows, at + static_cast<int64_t>(offsetof(Block, d)));
  }
  template <typename Use>
  static void runs(const Panel& panel, int64_t at, const Use& use) {
    const I top_bits = _mm512_set1_epi8(0x30);
#pragma GCC unroll 1
    for (int half = 0; half < 2; ++half) {
      I top[8];
      interleave_32(panel.rows, at + static_cast<int64_t>(offsetof(Block, qh)) + 32 * half, top);
#pragma GCC unroll 1
      for (int c = 0; c < 2; ++c) {
        Run low;
        Run high;
        interleave_32(panel.rows, at + 64 * half + 32 * c, low.q);
        for (int j = 0; j < 8; ++j) {
          high.q[j] = and_then_or(top[j], top_bits, high_nibbles(low.q[j]));
          low.q[j] = and_then_or(_mm512_slli_epi32(top[j], 4), top_bits, low_nibbles(low.q[j]));
          top[j] = _mm512_srli_epi32(top[j], 2);
        }
        use(4 * half + c, low, 4 * half + 2 + c, high);
      }
    }
  }
};

// Small blocks are one run.
struct InterleavedQ8_0 {
  using Block = quant::BlockQ8_0;
  static constexpr int kOffset = 128;

  static void run(const Panel& panel, int64_t at, Run& out) {
    interleave_32(panel.rows, at + static_cast<int64_t>(offsetof(Block, qs)), out.q);
    for (I& q : out.q) q = _mm512_xor_si512(q, _mm512_set1_epi8(-128));
  }
};

struct InterleavedQ4_0 {
  using Block = quant::BlockQ4_0;
  static constexpr int kOffset = 8;

  static void run(const Panel& panel, int64_t at, Run& out) {
    I bytes[4];
    interleave_16(panel.rows, at + static_cast<int64_t>(offsetof(Block, qs)), bytes);
    for (int j = 0; j < 4; ++j) {
      out.q[j] = low_nibbles(bytes[j]);
      out.q[4 + j] = high_nibbles(bytes[j]);
    }
  }
};

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
