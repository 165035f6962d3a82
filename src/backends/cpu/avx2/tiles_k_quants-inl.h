// Q4_K, Q5_K and Q6_K for many activations. A product of bytes gives sums of two in 16 bits, of which as many
// are added up as 16 bits hold whatever the bytes are; then they are multiplied by the scale of their group.

namespace hearth::cpu::HEARTH_ISA {
namespace {

// 2 * 15 * 127 * 8 = 30,480, 2 * 31 * 127 * 4 = 31,496 and 2 * 63 * 127 * 2 = 32,004 are below 2^15.
struct Q4_KType {
  using Block = quant::BlockQ4_K;
  static constexpr int kGroup = 32;
  static constexpr int kRun = 8;  // sums of two that may be added up
};
struct Q5_KType {
  using Block = quant::BlockQ5_K;
  static constexpr int kGroup = 32;
  static constexpr int kRun = 4;
};
struct Q6_KType {
  using Block = quant::BlockQ6_K;
  static constexpr int kGroup = 16;
  static constexpr int kRun = 2;
};

// x as the low and the high word of 32 bits.
inline I twice(__m128i words) {
  const I x = _mm256_cvtepu16_epi32(words);
  return _mm256_or_si256(x, _mm256_slli_epi32(x, 16));
}

template <typename Type>
struct alignas(kVectorBytes) SuperWeights {
  using Row = SuperRow;
  static constexpr int kBlock = quant::kSuperBlock;
  static constexpr int64_t kBlockBytes = sizeof(typename Type::Block);
  static constexpr int kGroups = kBlock / Type::kGroup;
  static constexpr int kSteps = kBlock / 4;
  static constexpr bool kHasMins = Type::kGroup == 32;
  static constexpr int kPairs = kGroups / 2;

  uint8_t u[kSteps][kHalves][kVectorBytes];  // elements 4s .. 4s + 3 of each row
  int32_t scales[kGroups][kHalves][kLanes];  // of a group, as both words
  // What is multiplied with the sums of groups 2p and 2p + 1, as two words: the mins, or for Q6_K the scales
  // times -32, which takes its offset out of the elements.
  int32_t pairs[kPairs][kHalves][kLanes];
  float d[kHalves][kLanes];
  float dmin[kHalves][kLanes];

  void unpack(const Panel& panel, int64_t b, int half);
};

inline void unpack_scales(const quant::BlockQ6_K& block, I (&scales)[2], I& pairs) {
  const I all = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(block.scales)));
  scales[0] = twice(_mm256_castsi256_si128(all));
  scales[1] = twice(_mm256_extracti128_si256(all, 1));
  pairs = _mm256_slli_epi16(_mm256_sub_epi16(_mm256_setzero_si256(), all), 5);
}
template <typename Block>
inline void unpack_scales(const Block& block, I (&scales)[1], I& pairs) {
  const SixBitScales unpacked = unpack_six_bits(block.scales);
  scales[0] = twice(unpacked.scales);
  pairs = _mm256_castsi128_si256(unpacked.mins);
}
inline uint16_t dmin_of(const quant::BlockQ6_K&) {
  return 0;
}
template <typename Block>
inline uint16_t dmin_of(const Block& block) {
  return block.dmin;
}

template <typename Type>
inline void SuperWeights<Type>::unpack(const Panel& panel, int64_t b, int half) {
  constexpr int kScaleVectors = kGroups / kLanes;
  I elements[kLanes][kSuperVectors];
  I row_scales[kLanes][kScaleVectors];
  I m[kLanes];
  alignas(16) uint16_t ds[kLanes];
  alignas(16) uint16_t dmins[kLanes];
  for (int r = 0; r < kLanes; ++r) {
    const auto& block = reinterpret_cast<const typename Type::Block*>(panel.rows[r])[b];
    unpack_elements(block, elements[r]);
    unpack_scales(block, row_scales[r], m[r]);
    ds[r] = block.d;
    dmins[r] = dmin_of(block);
  }
  transpose(m);
  for (int p = 0; p < kPairs; ++p) store_bytes(pairs[p][half], m[p]);
  for (int v = 0; v < kScaleVectors; ++v) {
    for (int r = 0; r < kLanes; ++r) m[r] = row_scales[r][v];
    transpose(m);
    for (int g = 0; g < kLanes; ++g) store_bytes(scales[v * kLanes + g][half], m[g]);
  }
  for (int v = 0; v < kSuperVectors; ++v) {
    for (int r = 0; r < kLanes; ++r) m[r] = elements[r][v];
    transpose(m);
    for (int s = 0; s < kLanes; ++s) store_bytes(u[v * kLanes + s][half], m[s]);
  }
  store(d[half], load_f16(ds));
  store(dmin[half], load_f16(dmins));
}

// What the offsets or mins of a row come to, for one activation.
template <typename Type>
inline I sum_pairs(const SuperWeights<Type>& w, const int16_t* sums, int half) {
  I total = zero_integers();
  for (int p = 0; p < SuperWeights<Type>::kPairs; ++p) {
    total = _mm256_add_epi32(
        total, _mm256_madd_epi16(load_bytes(w.pairs[p][half]), broadcast_4_bytes(sums + 2 * p)));
  }
  return total;
}

template <int kRows, typename Type>
inline void multiply_rows(const SuperWeights<Type>& w, const SuperRow* x, float* sums) {
  using Weights = SuperWeights<Type>;
  constexpr int kGroupSteps = Type::kGroup / 4;
  I totals[kRows][kHalves];
  for (int i = 0; i < kRows; ++i) {
    for (int h = 0; h < kHalves; ++h)
      totals[i][h] = Weights::kHasMins ? zero_integers() : sum_pairs(w, x[i].sums, h);
  }
  for (int g = 0; g < Weights::kGroups; ++g) {
#pragma GCC unroll 2
    for (int run = 0; run < kGroupSteps; run += Type::kRun) {
      I partial[kRows][kHalves];
#pragma GCC unroll 8
      for (int s = 0; s < Type::kRun; ++s) {
        const int step = g * kGroupSteps + run + s;
        const I w0 = load_bytes(w.u[step][0]);
        const I w1 = load_bytes(w.u[step][1]);
#pragma GCC unroll 4
        for (int i = 0; i < kRows; ++i) {
          const I four = broadcast_4_bytes(x[i].q + 4 * step);
          const I first = _mm256_maddubs_epi16(w0, four);
          const I second = _mm256_maddubs_epi16(w1, four);
          partial[i][0] = s == 0 ? first : add_words(partial[i][0], first);
          partial[i][1] = s == 0 ? second : add_words(partial[i][1], second);
        }
      }
#pragma GCC unroll 4
      for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
        for (int h = 0; h < kHalves; ++h) {
          totals[i][h] =
              add_integers(totals[i][h], _mm256_madd_epi16(partial[i][h], load_bytes(w.scales[g][h])));
        }
      }
    }
  }
  for (int i = 0; i < kRows; ++i) {
    const F scale = broadcast(x[i].scale);
    for (int h = 0; h < kHalves; ++h) {
      float* to = sums + (i * kHalves + h) * kLanes;
      F sum = fma(to_floats(totals[i][h]), mul(load(w.d[h]), scale), load(to));
      if (Weights::kHasMins) {
        sum = fnma(to_floats(sum_pairs(w, x[i].sums_of_32, h)), mul(load(w.dmin[h]), scale), sum);
      }
      store(to, sum);
    }
  }
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
