// Activations in the order that tiles take them: for each block of weights, for each 16 activations, one
// unit.

namespace hearth::cpu::HEARTH_ISA {
namespace {

// Row j of a tile of activations holds elements 4j .. 4j + 3 of each of 16 activations.
struct alignas(64) SuperUnit {
  int8_t q[4][kTileBytes];  // 64 elements each
  float scales[kTileSide];
  int32_t sums[4][kTileSide];  // the sums of groups 2p and 2p + 1 (of 32) as two words
};
struct alignas(64) SmallUnit {
  int8_t q[kTileBytes / 2];
  float scales[kTileSide];
};

// Small blocks are multiplied four at a time; blocks of zeros fill up the last four.
constexpr int64_t kSmallGroup = 4;
inline int64_t padded_blocks(int64_t k, int64_t block) {
  const int64_t n = k / block;
  return block == quant::kSuperBlock ? n : (n + kSmallGroup - 1) / kSmallGroup * kSmallGroup;
}
inline int64_t count_tiles(int64_t n) {
  return (n + kTileSide - 1) / kTileSide;
}

// 64 bytes of each of 16 rows, those beyond n_rows as zeros.
inline void pack_tile(const int8_t* q, int64_t stride, int64_t n_rows, int64_t n_bytes, int8_t* out) {
  const __mmask64 mask = n_bytes >= 64 ? ~__mmask64{0} : (__mmask64{1} << n_bytes) - 1;
  I m[16];
  for (int64_t i = 0; i < 16; ++i) {
    m[i] = i < n_rows ? _mm512_maskz_loadu_epi8(mask, q + i * stride) : zero_integers();
  }
  transpose(m);
  for (int64_t j = 0; j < n_bytes / 4; ++j) _mm512_store_si512(out + 64 * j, m[j]);
}

inline void pack_super(const QuantizedRows& rows, int64_t first, int64_t n_rows, int64_t k, int64_t b,
                       SuperUnit& out) {
  for (int64_t chunk = 0; chunk < 4; ++chunk) {
    pack_tile(rows.q + first * k + b * quant::kSuperBlock + 64 * chunk, k, n_rows, 64, out.q[chunk]);
  }
  for (int64_t i = 0; i < kTileSide; ++i) {
    __m128i sums = _mm_setzero_si128();
    out.scales[i] = 0.0F;
    if (i < n_rows) {
      out.scales[i] = rows.scales[(first + i) * (k / quant::kSuperBlock) + b];
      sums = sums_of_32(rows.sums + ((first + i) * k + b * quant::kSuperBlock) / 16);
    }
    alignas(16) int32_t pairs[4];
    _mm_store_si128(reinterpret_cast<__m128i*>(pairs), sums);
    for (int p = 0; p < 4; ++p) out.sums[p][i] = pairs[p];
  }
}

inline void pack_small(const QuantizedRows& rows, int64_t first, int64_t n_rows, int64_t k, int64_t b,
                       SmallUnit& out) {
  const int64_t n_blocks = k / quant::kSmallBlock;
  const int64_t n_filled = b < n_blocks ? n_rows : 0;
  pack_tile(rows.q + first * k + b * quant::kSmallBlock, k, n_filled, quant::kSmallBlock, out.q);
  for (int64_t i = 0; i < kTileSide; ++i) {
    out.scales[i] = i < n_filled ? rows.scales[(first + i) * n_blocks + b] : 0.0F;
  }
}

size_t packed_bytes(int64_t n, int64_t k, int64_t block) noexcept {
  const size_t unit = block == quant::kSuperBlock ? sizeof(SuperUnit) : sizeof(SmallUnit);
  return static_cast<size_t>(count_tiles(n) * padded_blocks(k, block)) * unit;
}

void pack(const QuantizedRows& rows, int64_t n, int64_t k, int64_t block, int64_t tile_begin,
          int64_t tile_end, void* packed) noexcept {
  const int64_t n_tiles = count_tiles(n);
  for (int64_t tile = tile_begin; tile < tile_end; ++tile) {
    const int64_t first = tile * kTileSide;
    const int64_t n_rows = n - first < kTileSide ? n - first : kTileSide;
    for (int64_t b = 0; b < padded_blocks(k, block); ++b) {
      if (block == quant::kSuperBlock) {
        pack_super(rows, first, n_rows, k, b, static_cast<SuperUnit*>(packed)[b * n_tiles + tile]);
      } else {
        pack_small(rows, first, n_rows, k, b, static_cast<SmallUnit*>(packed)[b * n_tiles + tile]);
      }
    }
  }
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
