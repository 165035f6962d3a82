// Q4_K, Q5_K and Q6_K on AMX.
//
// A weight times the scale of its group is an integer, kept as two digits of a byte: w = scale * u = low +
// 2^kDigitBits high. Two products of bytes, by the high and by the low digits, therefore give a whole block's
// sum exactly, with no scaling between groups. The floating-point steps that follow are those of
// simd/quantized_tiles-inl.h.

namespace hearth::cpu::HEARTH_ISA {
namespace {

// One block of 16 weight rows.
struct alignas(64) WeightBlock {
  uint8_t low[4][kTileBytes];
  uint8_t high[4][kTileBytes];  // signed where kSignedDigits
  int32_t mins[kTileSide][4];   // the mins of groups 2p and 2p + 1 as two words
  float d[kTileSide];
  float dmin[kTileSide];
  uint16_t half_d[kTileSide];  // the same before they are widened
  uint16_t half_dmin[kTileSide];
};

// Scales of a byte and a sign: the bytes of the words scale * (u - offset) of one row.
inline void fold_words(const UnpackedBlock& block, int offset, int64_t row, WeightBlock& out) {
  const I low_byte = _mm512_set1_epi16(0xFF);
  const I centre = _mm512_set1_epi16(static_cast<int16_t>(offset));
  constexpr int kSelect = 0xCA;  // mask ? a : b
  for (int v = 0; v < kSuperVectors; ++v) {
    const I even =
        _mm512_mullo_epi16(_mm512_sub_epi16(_mm512_and_si512(block.u[v], low_byte), centre), block.scales[v]);
    const I odd =
        _mm512_mullo_epi16(_mm512_sub_epi16(_mm512_srli_epi16(block.u[v], 8), centre), block.scales[v]);
    const I low = _mm512_ternarylogic_epi32(low_byte, even, _mm512_slli_epi16(odd, 8), kSelect);
    const I high = _mm512_ternarylogic_epi32(low_byte, _mm512_srli_epi16(even, 8), odd, kSelect);
    _mm512_store_si512(out.low[v] + 64 * row, low);
    _mm512_store_si512(out.high[v] + 64 * row, high);
  }
}

// Scales of six bits, by three: an element (at most 31) times three bits fits a byte, so that products of
// words are two products of bytes.
template <typename Block>
inline void unpack_affine(const Block& block, int64_t row, WeightBlock& out) {
  const SixBitScales scales = unpack_six_bits(block.scales);
  UnpackedBlock low;
  UnpackedBlock high;
  unpack(block, _mm_and_si128(scales.scales, _mm_set1_epi16(7)), low);
  spread_scales_of_32(_mm_srli_epi16(scales.scales, 3), high);
  for (int v = 0; v < kSuperVectors; ++v) {
    _mm512_store_si512(out.low[v] + 64 * row, _mm512_mullo_epi16(low.u[v], low.scales[v]));
    _mm512_store_si512(out.high[v] + 64 * row, _mm512_mullo_epi16(low.u[v], high.scales[v]));
  }
  _mm_store_si128(reinterpret_cast<__m128i*>(out.mins[row]), scales.mins);
  out.half_d[row] = block.d;
  out.half_dmin[row] = block.dmin;
}

struct Q4_KWeights {
  using Block = quant::BlockQ4_K;
  static constexpr bool kHasMins = true;
  static constexpr int kDigitBits = 3;
  static constexpr bool kSignedDigits = false;
  static void unpack_row(const Block& block, int64_t row, WeightBlock& out) {
    unpack_affine(block, row, out);
  }
};
struct Q5_KWeights {
  using Block = quant::BlockQ5_K;
  static constexpr bool kHasMins = true;
  static constexpr int kDigitBits = 3;
  static constexpr bool kSignedDigits = false;
  static void unpack_row(const Block& block, int64_t row, WeightBlock& out) {
    unpack_affine(block, row, out);
  }
};
struct Q6_KWeights {
  using Block = quant::BlockQ6_K;
  static constexpr bool kHasMins = false;
  static constexpr int kDigitBits = 8;
  static constexpr bool kSignedDigits = true;
  static void unpack_row(const Block& block, int64_t row, WeightBlock& out) {
    UnpackedBlock unpacked;
    unpack(block, _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(block.scales))),
           unpacked);
    fold_words(unpacked, 32, row, out);
    out.half_d[row] = block.d;
  }
};

// A quarter of a panel's block `b`, and with the last quarter what all of its rows need.
template <typename Weights>
inline void unpack_quarter(const MatmulTask& task, const Panel& panel, int64_t b, int quarter,
                           WeightBlock& out) {
  using Block = typename Weights::Block;
  for (int64_t r = 4 * quarter; r < 4 * quarter + 4; ++r) {
    const Block* block = reinterpret_cast<const Block*>(panel.rows[r]) + b;
    prefetch_next_panel<sizeof(Block)>(reinterpret_cast<const char*>(block), task);
    Weights::unpack_row(*block, r, out);
  }
  if (quarter < 3) return;
  store(out.d, load_f16(out.half_d));
  if constexpr (Weights::kHasMins) store(out.dmin, load_f16(out.half_dmin));
}

// The integer sums of two tiles of activations.
struct alignas(64) TileSums {
  int32_t low[2][kTileSide][kTileSide];
  int32_t high[2][kTileSide][kTileSide];
};

// A macro, because GCC takes a tile's number as it is spelled.
#define HEARTH_MULTIPLY(multiply_high)    \
  do {                                    \
    _tile_loadd(4, w.low[chunk], 64);     \
    _tile_loadd(6, first.q[chunk], 64);   \
    _tile_dpbusd(0, 4, 6);                \
    _tile_loadd(5, w.high[chunk], 64);    \
    multiply_high(1, 5, 6);               \
    if (second == nullptr) return;        \
    _tile_loadd(7, second->q[chunk], 64); \
    _tile_dpbusd(2, 4, 7);                \
    multiply_high(3, 5, 7);               \
  } while (false)

// By one tile of activations, or (second != null) two.
template <typename Weights>
inline void multiply_chunk(const WeightBlock& w, const SuperUnit& first, const SuperUnit* second, int chunk) {
  if constexpr (Weights::kSignedDigits) {
    HEARTH_MULTIPLY(_tile_dpbssd);
  } else {
    HEARTH_MULTIPLY(_tile_dpbusd);
  }
}
#undef HEARTH_MULTIPLY

// Scales the integer sums of weight row r and adds them to those of earlier blocks.
template <typename Weights>
inline void accumulate_row(const WeightBlock& w, const SuperUnit& x, const int32_t* low, const int32_t* high,
                           int r, float* sums) {
  const F scales = load(x.scales);
  const I dots = _mm512_add_epi32(load_bytes(low), _mm512_slli_epi32(load_bytes(high), Weights::kDigitBits));
  F sum = fma(to_floats(dots), mul(broadcast(w.d[r]), scales), load(sums));
  if constexpr (Weights::kHasMins) {
    I mins = zero_integers();
    for (int p = 0; p < 4; ++p) {
      mins = _mm512_dpwssd_epi32(mins, load_bytes(x.sums[p]), broadcast_integer(w.mins[r][p]));
    }
    sum = fnma(to_floats(mins), mul(broadcast(w.dmin[r]), scales), sum);
  }
  store(sums, sum);
}

// One block of a panel by all activations, two tiles of them at a time. While the matrix unit multiplies the
// first pair, the vector units do what `meanwhile` says, a quarter at a time; while it multiplies the next,
// they scale the sums of the pair before: so the code of both is interleaved.
template <typename Weights, typename Meanwhile>
inline void multiply_block(const WeightBlock& w, const SuperUnit* x, int64_t n_tiles, float* sums,
                           const Meanwhile& meanwhile) {
  TileSums integers[2];
  const int64_t n_pairs = (n_tiles + 1) / 2;
  for (int64_t pair = 0; pair <= n_pairs; ++pair) {
    const bool multiplies = pair < n_pairs;
    const SuperUnit* units = x + 2 * pair;
    const SuperUnit* second = 2 * pair + 1 < n_tiles ? units + 1 : nullptr;
    if (multiplies) {
      _tile_zero(0);
      _tile_zero(1);
      _tile_zero(2);
      _tile_zero(3);
    }
    for (int chunk = 0; chunk < 4; ++chunk) {
      if (multiplies) multiply_chunk<Weights>(w, units[0], second, chunk);
      if (pair == 0) {
        meanwhile(chunk);
        continue;
      }
      const TileSums& done = integers[(pair - 1) % 2];
      for (int64_t i = 0; i < 2 && 2 * (pair - 1) + i < n_tiles; ++i) {
        const int64_t tile = 2 * (pair - 1) + i;
        for (int r = 4 * chunk; r < 4 * chunk + 4; ++r) {
          accumulate_row<Weights>(w, x[tile], done.low[i][r], done.high[i][r], r,
                                  sums + (tile * kTileSide + r) * kTileSide);
        }
      }
    }
    if (multiplies) {
      TileSums& to = integers[pair % 2];
      _tile_stored(0, to.low[0], 64);
      _tile_stored(1, to.high[0], 64);
      if (second != nullptr) _tile_stored(2, to.low[1], 64);
      if (second != nullptr) _tile_stored(3, to.high[1], 64);
    }
  }
}

// A block is unpacked while the one before it is multiplied: tiles that are loaded right after the vector
// units stored them have to wait for it.
template <typename Weights>
void matmul_k_quant(const MatmulTask& task) noexcept {
  configure_tiles(64);
  const int64_t n_tiles = count_tiles(task.n);
  const int64_t n_blocks = task.k / quant::kSuperBlock;
  auto* sums = static_cast<float*>(task.scratch);
  const auto* units = static_cast<const SuperUnit*>(task.packed);
  WeightBlock weights[2];
  Panel panel = make_panel(task, task.row_begin);
  for (int quarter = 0; quarter < 4; ++quarter) unpack_quarter<Weights>(task, panel, 0, quarter, weights[0]);
  int current = 0;
  for (int64_t row = task.row_begin; row < task.row_end; row += kTileSide) {
    const int64_t count = panel.count;
    for (int64_t i = 0; i < n_tiles * kTileSide; ++i) store(sums + i * kTileSide, zero());
    for (int64_t b = 0; b < n_blocks; ++b, current = 1 - current) {
      const bool ends_panel = b + 1 == n_blocks;
      const bool is_last = ends_panel && row + kTileSide >= task.row_end;
      if (ends_panel && !is_last) panel = make_panel(task, row + kTileSide);
      publish_to_tiles(&weights);
      multiply_block<Weights>(weights[current], units + b * n_tiles, n_tiles, sums, [&](int quarter) {
        if (is_last) return;
        unpack_quarter<Weights>(task, panel, ends_panel ? 0 : b + 1, quarter, weights[1 - current]);
      });
    }
    write_panel(sums, task, row, count);
  }
  _tile_release();
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
