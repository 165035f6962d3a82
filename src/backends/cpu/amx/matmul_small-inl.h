// Q4_0 and Q8_0 on AMX: products over 32 elements, since every block has its own scale; four blocks at a
// time, whose sums stay in registers while they are scaled.

namespace hearth::cpu::HEARTH_ISA {
namespace {

// kSmallGroup blocks of 16 weight rows.
struct alignas(64) SmallWeights {
  int8_t q[kSmallGroup][kTileSide][quant::kSmallBlock];
  float d[kSmallGroup][kTileSide];
};

inline __m256i signed_elements(const quant::BlockQ8_0& block) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block.qs));
}
inline __m256i signed_elements(const quant::BlockQ4_0& block) {
  const __m128i both = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block.qs));
  const __m256i nibbles =
      _mm256_and_si256(_mm256_set_m128i(_mm_srli_epi16(both, 4), both), _mm256_set1_epi8(15));
  return _mm256_sub_epi8(nibbles, _mm256_set1_epi8(8));
}

template <typename Block>
inline void unpack_small(const MatmulTask& task, const Panel& panel, int64_t first, int64_t n_blocks,
                         SmallWeights& out) {
  for (int64_t b = 0; b < kSmallGroup; ++b) {
    alignas(32) uint16_t d[kTileSide] = {};
    for (int64_t r = 0; r < kTileSide; ++r) {
      __m256i q = _mm256_setzero_si256();
      if (first + b < n_blocks) {
        const Block& block = reinterpret_cast<const Block*>(panel.rows[r])[first + b];
        prefetch_next_panel<sizeof(Block)>(reinterpret_cast<const char*>(&block), task);
        q = signed_elements(block);
        d[r] = block.d;
      }
      _mm256_store_si256(reinterpret_cast<__m256i*>(out.q[b][r]), q);
    }
    store(out.d[b], load_f16(d));
  }
}

// A macro, because GCC takes a tile's number as it is spelled: block `b` of the group by tile `b`.
#define HEARTH_MULTIPLY_SMALL(b, w, x, sums)      \
  do {                                            \
    _tile_zero(b);                                \
    _tile_loadd(4, (w).q[b], quant::kSmallBlock); \
    _tile_loadd(6, (x).q, 64);                    \
    _tile_dpbssd(b, 4, 6);                        \
    _tile_stored(b, (sums)[b], 64);               \
  } while (false)

inline void multiply_group(const SmallWeights& w, const SmallUnit* x, int64_t n_tiles, float* sums) {
  struct alignas(64) {
    int32_t of[kSmallGroup][kTileSide][kTileSide];
  } integers[2];
  for (int64_t tile = 0; tile <= n_tiles; ++tile) {
    if (tile < n_tiles) {
      auto& to = integers[tile % 2].of;
      HEARTH_MULTIPLY_SMALL(0, w, x[tile], to);
      HEARTH_MULTIPLY_SMALL(1, w, x[n_tiles + tile], to);
      HEARTH_MULTIPLY_SMALL(2, w, x[2 * n_tiles + tile], to);
      HEARTH_MULTIPLY_SMALL(3, w, x[3 * n_tiles + tile], to);
    }
    if (tile == 0) continue;
    const int64_t done = tile - 1;
    float* to = sums + done * kTileSide * kTileSide;
    F scales[kSmallGroup];
    for (int64_t b = 0; b < kSmallGroup; ++b) scales[b] = load(x[b * n_tiles + done].scales);
    for (int r = 0; r < kTileSide; ++r) {
      F sum = load(to + r * kTileSide);
      for (int b = 0; b < kSmallGroup; ++b) {
        sum = fma(to_floats(load_bytes(integers[done % 2].of[b][r])), mul(broadcast(w.d[b][r]), scales[b]),
                  sum);
      }
      store(to + r * kTileSide, sum);
    }
  }
}

#undef HEARTH_MULTIPLY_SMALL

template <typename Block>
void matmul_small(const MatmulTask& task) noexcept {
  configure_tiles(quant::kSmallBlock);
  const int64_t n_tiles = count_tiles(task.n);
  const int64_t n_blocks = task.k / quant::kSmallBlock;
  auto* sums = static_cast<float*>(task.scratch);
  const auto* units = static_cast<const SmallUnit*>(task.packed);
  SmallWeights weights;
  for (int64_t row = task.row_begin; row < task.row_end; row += kTileSide) {
    const Panel panel = make_panel(task, row);
    for (int64_t i = 0; i < n_tiles * kTileSide; ++i) store(sums + i * kTileSide, zero());
    for (int64_t b = 0; b < n_blocks; b += kSmallGroup) {
      unpack_small<Block>(task, panel, b, n_blocks, weights);
      publish_to_tiles(&weights);
      multiply_group(weights, units + b * n_tiles, n_tiles, sums);
    }
    write_panel(sums, task, row, panel.count);
  }
  _tile_release();
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
