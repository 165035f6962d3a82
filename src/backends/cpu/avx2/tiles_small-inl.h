// Q4_0 and Q8_0 for many activations.

namespace hearth::cpu::HEARTH_ISA {
namespace {

constexpr int kSmallSteps = quant::kSmallBlock / 4;

// Rows of one block, in the order of tiles-inl.h.
template <typename Small>
struct alignas(kVectorBytes) SmallWeights {
  using Row = SmallRow;
  static constexpr int kBlock = quant::kSmallBlock;
  static constexpr int64_t kBlockBytes = sizeof(typename Small::Block);

  uint8_t q[kSmallSteps][kHalves][kVectorBytes];
  float d[kHalves][kLanes];

  void unpack(const Panel& panel, int64_t b, int half) {
    I m[kLanes];
    alignas(16) uint16_t ds[kLanes];
    for (int r = 0; r < kLanes; ++r) {
      const auto& block = reinterpret_cast<const typename Small::Block*>(panel.rows[r])[b];
      m[r] = Small::load(block);
      ds[r] = block.d;
    }
    transpose(m);
    for (int s = 0; s < kSmallSteps; ++s) store_bytes(q[s][half], m[s]);
    store(d[half], load_f16(ds));
  }
};

// Q4_0 as it is stored, in 0 .. 15: its offset of 8 is taken out of the sum, and the products of a whole
// block fit 16 bits (2 * 15 * 127 * 8 = 30,480).
struct UnsignedQ4_0 {
  using Block = quant::BlockQ4_0;
  static I load(const Block& block) {
    const __m128i both = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block.qs));
    return low_nibbles(_mm256_set_m128i(_mm_srli_epi16(both, 4), both));
  }
};

template <int kRows>
inline void scale_and_add(const I (&totals)[kRows][kHalves], const float (&d)[kHalves][kLanes],
                          const SmallRow* x, float* sums) {
  for (int i = 0; i < kRows; ++i) {
    const F scale = broadcast(x[i].scale);
    for (int h = 0; h < kHalves; ++h) {
      float* to = sums + (i * kHalves + h) * kLanes;
      store(to, fma(to_floats(totals[i][h]), mul(load(d[h]), scale), load(to)));
    }
  }
}

template <int kRows>
inline void multiply_rows(const SmallWeights<UnsignedQ4_0>& w, const SmallRow* x, float* sums) {
  I partial[kRows][kHalves];
#pragma GCC unroll 8
  for (int s = 0; s < kSmallSteps; ++s) {
    const I w0 = load_bytes(w.q[s][0]);
    const I w1 = load_bytes(w.q[s][1]);
#pragma GCC unroll 4
    for (int i = 0; i < kRows; ++i) {
      const I four = broadcast_4_bytes(x[i].q + 4 * s);
      const I first = _mm256_maddubs_epi16(w0, four);
      const I second = _mm256_maddubs_epi16(w1, four);
      partial[i][0] = s == 0 ? first : add_words(partial[i][0], first);
      partial[i][1] = s == 0 ? second : add_words(partial[i][1], second);
    }
  }
  I totals[kRows][kHalves];
  for (int i = 0; i < kRows; ++i) {
    const I offset = _mm256_set1_epi32(8 * x[i].sum);
    for (int h = 0; h < kHalves; ++h) {
      totals[i][h] = _mm256_sub_epi32(_mm256_madd_epi16(partial[i][h], _mm256_set1_epi16(1)), offset);
    }
  }
  scale_and_add(totals, w.d, x, sums);
}

template <int kRows>
inline void multiply_rows(const SmallWeights<SmallQ8_0>& w, const SmallRow* x, float* sums) {
  I totals[kRows][kHalves];
#pragma GCC unroll 8
  for (int s = 0; s < kSmallSteps; ++s) {
    const I w0 = load_bytes(w.q[s][0]);
    const I w1 = load_bytes(w.q[s][1]);
#pragma GCC unroll 4
    for (int i = 0; i < kRows; ++i) {
      const I four = broadcast_4_bytes(x[i].q + 4 * s);
      const I first = dot_signed(w0, four);
      const I second = dot_signed(w1, four);
      totals[i][0] = s == 0 ? first : add_integers(totals[i][0], first);
      totals[i][1] = s == 0 ? second : add_integers(totals[i][1], second);
    }
  }
  scale_and_add(totals, w.d, x, sums);
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
