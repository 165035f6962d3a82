// Products of quantised weights with several activations on AVX-512: a panel of 16 weight rows is
// interleaved, two runs at a time, which stay in registers while up to kMostActivations are multiplied by
// them.
//
// The bits are those of simd/quantized_tiles-inl.h: what is added up here in another order are integers.

namespace hearth::cpu::HEARTH_ISA {
namespace {

constexpr int64_t kMostActivations = 32;

// sums + the products with four elements of an activation. The broadcast is the instruction's own: GCC makes
// it one more.
inline I dot_broadcast(I sums, I u, const int8_t* x) {
  __asm__("vpdpbusd %2%{1to16%}, %1, %0" : "+v"(sums) : "v"(u), "m"(*reinterpret_cast<const int32_t*>(x)));
  return sums;
}

// What a block of weights has beside its elements.
template <typename Weights>
struct alignas(64) SpreadScales {
  F groups[Weights::kGroups];
  I mins[Weights::kGroups];  // as two words, of affine types
  F d;
  F dmin;

  SpreadScales(const Panel& panel, int64_t at) {
    BlockScales scales;
    Weights::scales(panel, at, scales);
    for (int g = 0; g < Weights::kGroups; ++g) groups[g] = scale_of_group<Weights>(scales, g);
    d = scales.d;
    if constexpr (Weights::kHasMins) {
      for (int g = 0; g < Weights::kGroups; ++g) mins[g] = byte_as_words(scales.mins[g / 4], g % 4);
      dmin = scales.dmin;
    }
  }
};

// What an activation has in a block.
template <typename Weights>
struct alignas(64) BlockSums {
  I dots;
  int32_t starts[16];  // the sum of each group begins with what its elements, made unsigned, are too large

  void begin(const int16_t* sums) {
    dots = zero_integers();
    if constexpr (Weights::kOffset != 0) {
      const I wide = _mm512_cvtepi16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(sums)));
      _mm512_store_si512(starts, _mm512_mullo_epi32(wide, _mm512_set1_epi32(-Weights::kOffset)));
    }
  }
};

// Multiplies two runs of a block by kActivations rows of elements, k bytes apart, of which x is the first's
// in the block: together, since each sum waits for itself.
template <typename Weights, int kActivations>
inline void multiply_runs(const SpreadScales<Weights>& scales, const int (&numbers)[2],
                          const Run* const (&runs)[2], const int8_t* x, int64_t k, BlockSums<Weights>* sums) {
  constexpr int kGroupsOfRun = Weights::kGroups / 8;
  static_assert(2 * Weights::kLargestGroup < 1 << 24);  // two groups are added up as floats
  constexpr int kVectors = 8 / kGroupsOfRun;
  F parts[2][kActivations];
  for (int i = 0; i < kGroupsOfRun; ++i) {
    I groups[2][kActivations];
    for (int r = 0; r < 2; ++r) {
      for (int a = 0; a < kActivations; ++a) {
        const int g = numbers[r] * kGroupsOfRun + i;
        groups[r][a] = Weights::kOffset == 0 ? zero_integers() : broadcast_integer(sums[a].starts[g]);
      }
    }
    for (int j = i * kVectors; j < (i + 1) * kVectors; ++j) {
      for (int a = 0; a < kActivations; ++a) {
        for (int r = 0; r < 2; ++r) {
          groups[r][a] = dot_broadcast(groups[r][a], runs[r]->q[j], x + a * k + 32 * numbers[r] + 4 * j);
        }
      }
    }
    for (int r = 0; r < 2; ++r) {
      const F scale = scales.groups[numbers[r] * kGroupsOfRun + i];
      for (int a = 0; a < kActivations; ++a) {
        const F dots = to_floats(groups[r][a]);
        if (kGroupsOfRun == 1 && r == 1) {
          parts[0][a] = fma(dots, scale, parts[0][a]);
        } else {
          parts[r][a] = i == 0 ? mul(dots, scale) : fma(dots, scale, parts[r][a]);
        }
      }
    }
  }
  for (int a = 0; a < kActivations; ++a) {
    I dots = _mm512_add_epi32(sums[a].dots, _mm512_cvtps_epi32(parts[0][a]));
    if (kGroupsOfRun > 1) dots = _mm512_add_epi32(dots, _mm512_cvtps_epi32(parts[1][a]));
    sums[a].dots = dots;
  }
}

template <typename Weights>
inline void multiply_super_panel(const MatmulTask& task, const Panel& panel, int64_t first, int64_t n,
                                 F* sums) {
  constexpr auto kBytes = static_cast<int64_t>(sizeof(typename Weights::Block));
  BlockSums<Weights> blocks[kMostActivations];
  for (int64_t b = 0; b < task.k / quant::kSuperBlock; ++b) {
    prefetch_next_blocks(panel, b * kBytes, kBytes, task);
    const SpreadScales<Weights> scales(panel, b * kBytes);
    const int64_t at = first * task.k + b * quant::kSuperBlock;
    const int8_t* x = task.q.q + at;
    for (int64_t i = 0; i < n; ++i) blocks[i].begin(task.q.sums + (at + i * task.k) / 16);
    Weights::runs(panel, b * kBytes, [&](int number, const Run& run, int other, const Run& other_run) {
      const int numbers[2] = {number, other};
      const Run* const both[2] = {&run, &other_run};
      int64_t i = 0;
#pragma GCC unroll 1
      for (; i + 4 <= n; i += 4) {
        multiply_runs<Weights, 4>(scales, numbers, both, x + i * task.k, task.k, blocks + i);
      }
#pragma GCC unroll 1
      for (; i < n; ++i) multiply_runs<Weights, 1>(scales, numbers, both, x + i * task.k, task.k, blocks + i);
    });
    for (int64_t i = 0; i < n; ++i) {
      const int64_t here = at + i * task.k;
      const F scale = broadcast(task.q.scales[here / quant::kSuperBlock]);
      sums[i] = fma(to_floats(blocks[i].dots), mul(scales.d, scale), sums[i]);
      if constexpr (Weights::kHasMins) {
        I mins = zero_integers();
        for (int g = 0; g < 8; ++g) {
          int32_t pair;
          __builtin_memcpy(&pair, task.q.sums + here / 16 + 2 * g, sizeof(pair));
          mins = _mm512_dpwssd_epi32(mins, scales.mins[g], broadcast_integer(pair));
        }
        sums[i] = fnma(to_floats(mins), mul(scales.dmin, scale), sums[i]);
      }
    }
  }
}

// One block by kActivations, of which the first's block has number `block`.
template <typename Weights, int kActivations>
inline void multiply_small(const MatmulTask& task, const Run& run, F d, int64_t block, F* sums) {
  const int64_t n_blocks = task.k / quant::kSmallBlock;
  I dots[kActivations];
  for (int a = 0; a < kActivations; ++a) {
    const int16_t* halves = task.q.sums + 2 * (block + a * n_blocks);
    dots[a] = broadcast_integer(-Weights::kOffset * (halves[0] + halves[1]));
  }
  const int8_t* x = task.q.q + block * quant::kSmallBlock;
  for (int j = 0; j < 8; ++j) {
    for (int a = 0; a < kActivations; ++a) dots[a] = dot_broadcast(dots[a], run.q[j], x + a * task.k + 4 * j);
  }
  for (int a = 0; a < kActivations; ++a) {
    sums[a] = fma(to_floats(dots[a]), mul(d, broadcast(task.q.scales[block + a * n_blocks])), sums[a]);
  }
}

template <typename Weights>
inline void multiply_small_panel(const MatmulTask& task, const Panel& panel, int64_t first, int64_t n,
                                 F* sums) {
  constexpr auto kBytes = static_cast<int64_t>(sizeof(typename Weights::Block));
  const int64_t n_blocks = task.k / quant::kSmallBlock;
  for (int64_t b = 0; b < n_blocks; ++b) {
    prefetch_next_blocks(panel, b * kBytes, kBytes, task);
    Run run;
    Weights::run(panel, b * kBytes, run);
    const F d =
        load_halves(panel.rows, b * kBytes + static_cast<int64_t>(offsetof(typename Weights::Block, d)));
    int64_t i = 0;
#pragma GCC unroll 1
    for (; i + 4 <= n; i += 4) multiply_small<Weights, 4>(task, run, d, (first + i) * n_blocks + b, sums + i);
#pragma GCC unroll 1
    for (; i < n; ++i) multiply_small<Weights, 1>(task, run, d, (first + i) * n_blocks + b, sums + i);
  }
}

struct SuperPanels {
  template <typename Weights>
  static void multiply(const MatmulTask& task, const Panel& panel, int64_t first, int64_t n, F* sums) {
    multiply_super_panel<Weights>(task, panel, first, n, sums);
  }
};
struct SmallPanels {
  template <typename Weights>
  static void multiply(const MatmulTask& task, const Panel& panel, int64_t first, int64_t n, F* sums) {
    multiply_small_panel<Weights>(task, panel, first, n, sums);
  }
};

template <typename Panels, typename Weights>
void matmul_interleaved(const MatmulTask& task) noexcept {
  for (int64_t row = task.row_begin; row < task.row_end; row += kLanes) {
    const Panel panel = make_panel(task, row);
    for (int64_t first = 0; first < task.n; first += kMostActivations) {
      const int64_t n = task.n - first < kMostActivations ? task.n - first : kMostActivations;
      F sums[kMostActivations];
      for (F& sum : sums) sum = zero();
      Panels::template multiply<Weights>(task, panel, first, n, sums);
      for (int64_t i = 0; i < n; ++i) {
        store_partial(task.out + (first + i) * task.out_stride + row, sums[i], panel.count);
      }
    }
  }
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
