// Q4_0 and Q8_0 on AVX2: a block of 32 to a vector.

namespace hearth::cpu::HEARTH_ISA {
namespace {

struct SmallQ8_0 {
  using Block = quant::BlockQ8_0;
  static I load(const Block& block) { return load_bytes(block.qs); }
};

struct SmallQ4_0 {
  using Block = quant::BlockQ4_0;
  static I load(const Block& block) {
    const __m128i both = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block.qs));
    const I nibbles = low_nibbles(_mm256_set_m128i(_mm_srli_epi16(both, 4), both));
    return _mm256_sub_epi8(nibbles, _mm256_set1_epi8(8));
  }
};

// Products of signed bytes, by moving the sign of the weight to the activation: 2 * 128 * 127 fits 16 bits.
inline I dot_signed(I w, I x) {
  const I products = _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w));
  return _mm256_madd_epi16(products, _mm256_set1_epi16(1));
}

template <typename Small, int kActivations>
inline void small_panel(const MatmulTask& task, const Panel& panel, int64_t row, int64_t activation) {
  const int64_t n_blocks = task.k / quant::kSmallBlock;
  F sums[kActivations];
  for (F& sum : sums) sum = zero();
  for (int64_t b = 0; b < n_blocks; ++b) {
    const int8_t* x = task.q.q + activation * task.k + b * quant::kSmallBlock;
    I dots[kActivations][kLanes];
    alignas(16) uint16_t d[kLanes];
    for (int r = 0; r < kLanes; ++r) {
      const auto& block = reinterpret_cast<const typename Small::Block*>(panel.rows[r])[b];
      prefetch_next_panel<sizeof(block)>(reinterpret_cast<const char*>(&block), task);
      d[r] = block.d;
      const I w = Small::load(block);
      for (int a = 0; a < kActivations; ++a) dots[a][r] = dot_signed(w, load_bytes(x + a * task.k));
    }
    const F ds = load_f16(d);
    for (int a = 0; a < kActivations; ++a) {
      const F scale = broadcast(task.q.scales[(activation + a) * n_blocks + b]);
      sums[a] = fma(to_floats(sum_all(dots[a])), mul(ds, scale), sums[a]);
    }
  }
  for (int a = 0; a < kActivations; ++a) {
    store_partial(task.out + (activation + a) * task.out_stride + row, sums[a], panel.count);
  }
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
