// Products with quantised weights, for AVX2 and AVX-512.
//
// Each row's block becomes one vector of integer partial sums, and a transposing sum turns those of the panel
// into one vector with a row per lane.

namespace hearth::cpu::HEARTH_ISA {
namespace {

// What a row's block adds besides its dot products. `mins` are kept as four partial sums per row, in an order
// that sum_quads() turns into a row per lane.
struct MinSums {
  alignas(kVectorBytes) int32_t quads[kLanes][4];

  void set(int r, __m128i mins, __m128i sums) {
    _mm_store_si128(reinterpret_cast<__m128i*>(quads[r % 4 * (kLanes / 4) + r / 4]),
                    _mm_madd_epi16(mins, sums));
  }
};
inline I sum_quads(const MinSums& m) {
  constexpr int kRowsPerVector = kLanes / 4;
  const auto vector = [&](int i) { return load_bytes(m.quads[i * kRowsPerVector]); };
  return add_pairs_64(add_pairs_32(vector(0), vector(1)), add_pairs_32(vector(2), vector(3)));
}

// Q4_K and Q5_K.
template <typename Block, int kActivations>
inline void affine_panel(const MatmulTask& task, const Panel& panel, int64_t row, int64_t activation) {
  const int64_t n_blocks = task.k / quant::kSuperBlock;
  F sums[kActivations];
  for (F& sum : sums) sum = zero();
  for (int64_t b = 0; b < n_blocks; ++b) {
    const int8_t* x = task.q.q + activation * task.k + b * quant::kSuperBlock;
    __m128i x_sums[kActivations];
    for (int a = 0; a < kActivations; ++a) {
      x_sums[a] = sums_of_32(task.q.sums + ((activation + a) * task.k + b * quant::kSuperBlock) / 16);
    }
    I dots[kActivations][kLanes];
    MinSums mins[kActivations];
    alignas(32) uint16_t d[kLanes];
    alignas(32) uint16_t dmin[kLanes];
    for (int r = 0; r < kLanes; ++r) {
      const Block& block = reinterpret_cast<const Block*>(panel.rows[r])[b];
      prefetch_next_panel<sizeof(Block)>(reinterpret_cast<const char*>(&block), task);
      d[r] = block.d;
      dmin[r] = block.dmin;
      const SixBitScales scales = unpack_six_bits(block.scales);
      UnpackedBlock w;
      unpack(block, scales.scales, w);
      for (int a = 0; a < kActivations; ++a) {
        I dot = zero_integers();
        for (int v = 0; v < kSuperVectors; ++v) {
          dot = dot_scaled(dot, w.u[v], load_bytes(x + a * task.k + v * kVectorBytes), w.scales[v]);
        }
        dots[a][r] = dot;
        mins[a].set(r, scales.mins, x_sums[a]);
      }
    }
    const F ds = load_f16(d);
    const F dmins = load_f16(dmin);
    for (int a = 0; a < kActivations; ++a) {
      const F scale = broadcast(task.q.scales[(activation + a) * n_blocks + b]);
      sums[a] = fma(to_floats(sum_all(dots[a])), mul(ds, scale), sums[a]);
      sums[a] = fnma(to_floats(sum_quads(mins[a])), mul(dmins, scale), sums[a]);
    }
  }
  for (int a = 0; a < kActivations; ++a) {
    store_partial(task.out + (activation + a) * task.out_stride + row, sums[a], panel.count);
  }
}

// Q6_K: its offset of 32 is taken out of the integer sum.
template <typename Block, int kActivations>
inline void centred_panel(const MatmulTask& task, const Panel& panel, int64_t row, int64_t activation) {
  const int64_t n_blocks = task.k / quant::kSuperBlock;
  F sums[kActivations];
  for (F& sum : sums) sum = zero();
  for (int64_t b = 0; b < n_blocks; ++b) {
    const int8_t* x = task.q.q + activation * task.k + b * quant::kSuperBlock;
    const int16_t* x_sums = task.q.sums + (activation * task.k + b * quant::kSuperBlock) / 16;
    I dots[kActivations][kLanes];
    alignas(32) uint16_t d[kLanes];
    for (int r = 0; r < kLanes; ++r) {
      const Block& block = reinterpret_cast<const Block*>(panel.rows[r])[b];
      prefetch_next_panel<sizeof(Block)>(reinterpret_cast<const char*>(&block), task);
      d[r] = block.d;
      const __m256i scales =
          _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(block.scales)));
      const __m256i offsets = _mm256_slli_epi16(_mm256_sub_epi16(_mm256_setzero_si256(), scales), 5);
      UnpackedBlock w;
      unpack(block, scales, w);
      for (int a = 0; a < kActivations; ++a) {
        I dot = widen_low(_mm256_madd_epi16(
            offsets, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x_sums + a * task.k / 16))));
        for (int v = 0; v < kSuperVectors; ++v) {
          dot = dot_scaled(dot, w.u[v], load_bytes(x + a * task.k + v * kVectorBytes), w.scales[v]);
        }
        dots[a][r] = dot;
      }
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
