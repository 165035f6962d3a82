// Q4_0 and Q8_0 on AVX-512: two blocks of 32 to a vector.

namespace hearth::cpu::HEARTH_ISA {
namespace {

// Blocks b and, if kPair, b + 1 of a panel.
template <typename Small, int kActivations, bool kPair>
inline void multiply_small(const MatmulTask& task, const Panel& panel, int64_t activation, int64_t b,
                           F (&sums)[kActivations]) {
  const int64_t n_blocks = task.k / quant::kSmallBlock;
  const int8_t* x = task.q.q + activation * task.k + b * quant::kSmallBlock;
  I xs[kActivations];
  for (int a = 0; a < kActivations; ++a) {
    const int8_t* p = x + a * task.k;
    xs[a] = kPair ? load_bytes(p)
                  : _mm512_zextsi256_si512(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  I dots[kActivations][kLanes];
  alignas(32) uint16_t d[2][kLanes];
  for (int r = 0; r < kLanes; ++r) {
    const auto* blocks = reinterpret_cast<const typename Small::Block*>(panel.rows[r]) + b;
    prefetch_next_panel<2 * sizeof(*blocks)>(reinterpret_cast<const char*>(blocks), task);
    d[0][r] = blocks[0].d;
    if constexpr (kPair) d[1][r] = blocks[1].d;
    I w;
    if constexpr (kPair) {
      w = Small::pair(blocks);
    } else {
      w = Small::single(blocks);
    }
    for (int a = 0; a < kActivations; ++a) dots[a][r] = dot_bytes(zero_integers(), w, xs[a]);
  }
  for (int a = 0; a < kActivations; ++a) {
    const Halves halves = sum_halves(dots[a]);
    const auto accumulate = [&](I dot, const uint16_t* ds, int64_t block) {
      const int16_t* x_sums = task.q.sums + ((activation + a) * n_blocks + block) * 2;
      const I exact = sub_integers(dot, broadcast_integer(Small::kOffset * (x_sums[0] + x_sums[1])));
      const F scale = broadcast(task.q.scales[(activation + a) * n_blocks + block]);
      sums[a] = fma(to_floats(exact), mul(load_f16(ds), scale), sums[a]);
    };
    accumulate(halves.low, d[0], b);
    if constexpr (kPair) accumulate(halves.high, d[1], b + 1);
  }
}

template <typename Small, int kActivations>
inline void small_panel(const MatmulTask& task, const Panel& panel, int64_t row, int64_t activation) {
  const int64_t n_blocks = task.k / quant::kSmallBlock;
  F sums[kActivations];
  for (F& sum : sums) sum = zero();
  int64_t b = 0;
  for (; b + 2 <= n_blocks; b += 2)
    multiply_small<Small, kActivations, true>(task, panel, activation, b, sums);
  if (b < n_blocks) multiply_small<Small, kActivations, false>(task, panel, activation, b, sums);
  for (int a = 0; a < kActivations; ++a) {
    store_partial(task.out + (activation + a) * task.out_stride + row, sums[a], panel.count);
  }
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
