// Weights of any type as bf16, in the order of the elements.
//
// Each of these expands `count` elements of a row from `begin` on (both multiples of the type's block) into
// chunks of kTileDepth, of which each is the row's line in a tile of its own: chunk c goes to out + c *
// kTileElements.
//
// Types with levels (four or five bits) are looked up: the 16 or 32 values that a group can have are computed
// once, and a permutation of words places them, which is cheaper than converting each element to a float.

namespace hearth::cpu::HEARTH_ISA {
namespace {
namespace bf16 {

inline void store_chunk(uint16_t* out, I chunk) {
  _mm512_store_si512(out, chunk);
}
inline float half_to_float(uint16_t half) {
  return _cvtsh_ss(half);
}
// 0, 1, ... 15
inline F count_up() {
  return _mm512_set_ps(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
}
inline I bytes_to_words(const void* p) {
  return _mm512_cvtepu8_epi16(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
}
// 32 bytes as floats times `scale`, as bf16.
inline I scale_bytes(__m256i bytes, F low_scale, F high_scale) {
  const F low = to_floats(_mm512_cvtepi8_epi32(_mm256_castsi256_si128(bytes)));
  const F high = to_floats(_mm512_cvtepi8_epi32(_mm256_extracti128_si256(bytes, 1)));
  return to_bf16(mul(low, low_scale), mul(high, high_scale));
}
// The nibbles of 16 bytes as words, all low ones first. Bits above the nibbles remain.
inline I split_nibble_words(const uint8_t* p) {
  const __m256i low = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), _mm256_srli_epi16(low, 4), 1);
}
// A word's four lowest bits choose.
inline I look_up_16(I table, I words) {
  return _mm512_permutexvar_epi16(words, table);
}
inline I twice(F values) {
  return to_bf16(values, values);
}

// Small arrays that are broadcast element by element: from memory, which the load units do alone; GCC would
// forward the stores and use two shuffles for each, of which there is one unit.
inline void keep_in_memory(void* array) {
  __asm__ volatile("" : : "r"(array) : "memory");
}

// Scales, and mins, of the eight groups of a block of Q4_K or Q5_K.
struct GroupScales {
  alignas(32) float scales[8];
  alignas(32) float mins[8];
};
template <typename Block>
inline void scales_of_groups(const Block& block, GroupScales& out) {
  const SixBitScales bits = unpack_six_bits(block.scales);
  const __m256 d = _mm256_set1_ps(half_to_float(block.d));
  const __m256 dmin = _mm256_set1_ps(half_to_float(block.dmin));
  const auto floats = [](__m128i words) { return _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(words)); };
  _mm256_store_ps(out.scales, _mm256_mul_ps(floats(bits.scales), d));
  _mm256_store_ps(out.mins, _mm256_mul_ps(floats(bits.mins), dmin));
  keep_in_memory(&out);
}
inline F levels_of(F numbers, const GroupScales& groups, int g) {
  return _mm512_fmsub_ps(numbers, broadcast(groups.scales[g]), broadcast(groups.mins[g]));
}

inline void expand_block(const quant::BlockQ4_K& block, uint16_t* out) {
  GroupScales groups;
  scales_of_groups(block, groups);
  const I low_bits = _mm512_set1_epi16(15);
  const I upper_half = _mm512_set1_epi16(16);
  constexpr int kAndThenOr = 0xEA;  // (a & b) | c
  for (int pair = 0; pair < 4; ++pair) {
    // The group of the high nibbles has the lower half of the table, which needs no masking.
    const I table =
        to_bf16(levels_of(count_up(), groups, 2 * pair + 1), levels_of(count_up(), groups, 2 * pair));
    const I words = bytes_to_words(block.qs + 32 * pair);
    const I low = _mm512_ternarylogic_epi32(words, low_bits, upper_half, kAndThenOr);
    store_chunk(out, _mm512_permutexvar_epi16(low, table));
    store_chunk(out + kTileElements, _mm512_permutexvar_epi16(_mm512_srli_epi16(words, 4), table));
    out += 2 * kTileElements;
  }
}

inline void expand_block(const quant::BlockQ5_K& block, uint16_t* out) {
  GroupScales groups;
  scales_of_groups(block, groups);
  const F upper = add(count_up(), broadcast(16.0F));
  const I low_bits = _mm512_set1_epi16(15);
  const I fifth = _mm512_set1_epi16(16);
  const I top = _mm512_slli_epi16(bytes_to_words(block.qh), 4);  // bit g stands at 4 + g
  constexpr int kAndThenOr = 0xEA;                               // (a & b) | c
  for (int pair = 0; pair < 4; ++pair) {
    const I words = bytes_to_words(block.qs + 32 * pair);
    const I nibbles[2] = {_mm512_and_si512(words, low_bits), _mm512_srli_epi16(words, 4)};
    for (int i = 0; i < 2; ++i) {
      const int g = 2 * pair + i;
      const I table = to_bf16(levels_of(count_up(), groups, g), levels_of(upper, groups, g));
      const I bit = _mm512_srl_epi16(top, _mm_cvtsi32_si128(g));
      const I index = _mm512_ternarylogic_epi32(bit, fifth, nibbles[i], kAndThenOr);
      store_chunk(out, _mm512_permutexvar_epi16(index, table));
      out += kTileElements;
    }
  }
}

inline void expand_block(const quant::BlockQ6_K& block, uint16_t* out) {
  const __m512i wide_scales =
      _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(block.scales)));
  alignas(64) float scales[16];
  store(scales, mul(to_floats(wide_scales), broadcast(half_to_float(block.d))));
  keep_in_memory(scales);
  const __m256i nibble = _mm256_set1_epi8(15);
  const __m256i top_bits = _mm256_set1_epi8(0x30);
  const __m256i centre = _mm256_set1_epi8(32);
  for (int half = 0; half < 2; ++half) {
    const auto* low = reinterpret_cast<const __m256i*>(block.ql + 64 * half);
    const __m256i lows[2] = {_mm256_loadu_si256(low), _mm256_loadu_si256(low + 1)};
    const __m256i top = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block.qh + 32 * half));
    const __m256i tops[4] = {_mm256_slli_epi16(top, 4), _mm256_slli_epi16(top, 2), top,
                             _mm256_srli_epi16(top, 2)};
    for (int c = 0; c < 4; ++c) {
      const __m256i nibbles = _mm256_and_si256(c < 2 ? lows[c] : _mm256_srli_epi16(lows[c - 2], 4), nibble);
      const __m256i levels = _mm256_or_si256(_mm256_and_si256(tops[c], top_bits), nibbles);
      const float* group = scales + 8 * half + 2 * c;
      store_chunk(out,
                  scale_bytes(_mm256_sub_epi8(levels, centre), broadcast(group[0]), broadcast(group[1])));
      out += kTileElements;
    }
  }
}

inline void expand_block(const quant::BlockQ8_0& block, uint16_t* out) {
  const F d = broadcast(half_to_float(block.d));
  store_chunk(out, scale_bytes(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(block.qs)), d, d));
}

inline void expand_block(const quant::BlockQ4_0& block, uint16_t* out) {
  const F d = broadcast(half_to_float(block.d));
  const I table = twice(mul(sub(count_up(), broadcast(8.0F)), d));
  store_chunk(out, look_up_16(table, split_nibble_words(block.qs)));
}

template <typename Block, int kElements>
struct Blocks {
  static void expand(const MatmulTask&, const char* row, int64_t begin, int64_t count, uint16_t* out) {
    const Block* block = reinterpret_cast<const Block*>(row) + begin / kElements;
    for (int64_t i = 0; i < count; i += kElements, ++block, out += kElements / kTileDepth * kTileElements) {
      expand_block(*block, out);
    }
  }
  static constexpr int64_t bytes_of(int64_t elements) {
    return elements / kElements * static_cast<int64_t>(sizeof(Block));
  }
};
template <typename Block>
using SuperBlocks = Blocks<Block, quant::kSuperBlock>;
template <typename Block>
using SmallBlocks = Blocks<Block, quant::kSmallBlock>;

// Rows of any length: what lies beyond their end are zeros.
struct BF16Rows {
  static void expand(const MatmulTask&, const char* row, int64_t begin, int64_t count, uint16_t* out) {
    const uint16_t* from = reinterpret_cast<const uint16_t*>(row) + begin;
    for (; count >= kTileDepth; count -= kTileDepth, from += kTileDepth, out += kTileElements) {
      store_chunk(out, load_bytes(from));
    }
    if (count > 0) {
      store_chunk(out, _mm512_maskz_loadu_epi16(static_cast<__mmask32>((1U << count) - 1U), from));
    }
  }
  static constexpr int64_t bytes_of(int64_t elements) { return 2 * elements; }
};

// Of any type, through floats.
struct DequantizedRows {
  static void expand(const MatmulTask& task, const char* row, int64_t begin, int64_t count, uint16_t* out) {
    alignas(64) float values[kPanelDepth];
    task.dequantize(task.type, row, begin, count, values);
    for (int64_t i = 0; i < count; i += kTileDepth, out += kTileElements) {
      const F low = load_partial(values + i, count - i);
      const F high = count - i > kLanes ? load_partial(values + i + kLanes, count - i - kLanes) : zero();
      store_chunk(out, to_bf16(low, high));
    }
  }
  static constexpr int64_t bytes_of(int64_t) { return 0; }
};

}  // namespace bf16
}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
