// Products with many rows of activations on AVX2: each block of weights is unpacked once for all of them.
//
// A panel is 16 weight rows. Its elements are put in the order in which a vector holds the same four elements
// of eight rows, and four elements of an activation are broadcast against it: what is summed up in a lane
// belongs to one row, and nothing has to be added across lanes.

namespace hearth::cpu::HEARTH_ISA {
namespace {

constexpr int kHalves = 2;  // vectors of rows
constexpr int kPanelRows = kHalves * kLanes;
constexpr int kTileRowsAtOnce =
    4;  // activations: 8 vectors of 16-bit sums, two of weights, one of activations

inline I broadcast_4_bytes(const void* p) {
  int32_t bytes;
  __builtin_memcpy(&bytes, p, sizeof(bytes));
  return _mm256_set1_epi32(bytes);
}

// Sums that grow in the order of the source: GCC would add up products in a tree, which takes more registers
// than there are.
inline I add_words(I sum, I x) {
  sum = _mm256_add_epi16(sum, x);
  __asm__("" : "+x"(sum));
  return sum;
}
inline I add_integers(I sum, I x) {
  sum = _mm256_add_epi32(sum, x);
  __asm__("" : "+x"(sum));
  return sum;
}

inline void store_bytes(void* p, I x) {
  _mm256_storeu_si256(static_cast<__m256i*>(p), x);
}

// The rows of a panel, eight and eight; the second eight may lie beyond the matrix.
struct HalvedPanel {
  Panel halves[kHalves];
};
inline HalvedPanel make_halved_panel(const MatmulTask& task, int64_t row) {
  return {{make_panel(task, row), make_panel(task, row + kLanes)}};
}

// Sums of a panel: [activation][weight row].
inline void clear_sums(const MatmulTask& task) {
  auto* sums = static_cast<float*>(task.scratch);
  for (int64_t i = 0; i < task.n * kHalves; ++i) store(sums + i * kLanes, zero());
}
inline void write_sums(const MatmulTask& task, const HalvedPanel& panel, int64_t row) {
  const auto* sums = static_cast<const float*>(task.scratch);
  for (int64_t i = 0; i < task.n; ++i) {
    for (int h = 0; h < kHalves; ++h) {
      if (panel.halves[h].count <= 0) continue;
      store_partial(task.out + i * task.out_stride + row + h * kLanes,
                    load(sums + (i * kHalves + h) * kLanes), panel.halves[h].count);
    }
  }
}

size_t tile_scratch_bytes(int64_t n) noexcept {
  return static_cast<size_t>(n * kPanelRows) * sizeof(float);
}

// Activations as the products take them: for each block of weights, one row after the other.
struct SuperRow {
  int8_t q[quant::kSuperBlock];
  int16_t sums[16];       // of each 16 of q
  int16_t sums_of_32[8];  // of each 32
  float scale;
  float unused[3];  // to a whole number of vectors
};
static_assert(sizeof(SuperRow) == 320);
struct SmallRow {
  int8_t q[quant::kSmallBlock];
  int32_t sum;
  float scale;
};

size_t packed_bytes(int64_t n, int64_t k, int64_t block) noexcept {
  const size_t row = block == quant::kSuperBlock ? sizeof(SuperRow) : sizeof(SmallRow);
  return static_cast<size_t>(n * (k / block)) * row;
}

inline void pack_super(const QuantizedRows& rows, int64_t i, int64_t b, int64_t k, SuperRow& out) {
  const int8_t* q = rows.q + i * k + b * quant::kSuperBlock;
  for (int v = 0; v < kSuperVectors; ++v)
    store_bytes(out.q + v * kVectorBytes, load_bytes(q + v * kVectorBytes));
  const int16_t* sums = rows.sums + (i * k + b * quant::kSuperBlock) / 16;
  store_bytes(out.sums, load_bytes(sums));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out.sums_of_32), sums_of_32(sums));
  out.scale = rows.scales[i * (k / quant::kSuperBlock) + b];
}

inline void pack_small(const QuantizedRows& rows, int64_t i, int64_t b, int64_t k, SmallRow& out) {
  store_bytes(out.q, load_bytes(rows.q + i * k + b * quant::kSmallBlock));
  const int16_t* sums = rows.sums + (i * k + b * quant::kSmallBlock) / 16;
  out.sum = sums[0] + sums[1];
  out.scale = rows.scales[i * (k / quant::kSmallBlock) + b];
}

void pack(const QuantizedRows& rows, int64_t n, int64_t k, int64_t block, int64_t tile_begin,
          int64_t tile_end, void* packed) noexcept {
  constexpr int64_t kTile = 16;
  const int64_t end = tile_end * kTile < n ? tile_end * kTile : n;
  for (int64_t b = 0; b < k / block; ++b) {
    for (int64_t i = tile_begin * kTile; i < end; ++i) {
      if (block == quant::kSuperBlock) {
        pack_super(rows, i, b, k, static_cast<SuperRow*>(packed)[b * n + i]);
      } else {
        pack_small(rows, i, b, k, static_cast<SmallRow*>(packed)[b * n + i]);
      }
    }
  }
}

// A block of a panel by all activations, kTileRowsAtOnce at a time.
template <typename Weights, typename Row>
inline void multiply_all(const Weights& w, const Row* x, int64_t n, float* sums) {
  int64_t i = 0;
  for (; i + kTileRowsAtOnce <= n; i += kTileRowsAtOnce) {
    multiply_rows<kTileRowsAtOnce>(w, x + i, sums + i * kPanelRows);
  }
  switch (n - i) {
    case 3:
      multiply_rows<3>(w, x + i, sums + i * kPanelRows);
      break;
    case 2:
      multiply_rows<2>(w, x + i, sums + i * kPanelRows);
      break;
    case 1:
      multiply_rows<1>(w, x + i, sums + i * kPanelRows);
      break;
    default:
      break;
  }
}

// Asks for a block of the rows of the next panel, as prefetch_next_panel() does for one row.
inline void prefetch_next_block(const Panel& panel, int64_t offset, int64_t n_bytes, const MatmulTask& task) {
  for (const char* row : panel.rows) {
    const char* next = row + offset + kPanelRows * task.w_row_bytes;
    for (int64_t i = 0; i < n_bytes; i += 64) prefetch_l2(next + i);
  }
}

template <typename Weights>
void matmul_tiles(const MatmulTask& task) noexcept {
  const int64_t n_blocks = task.k / Weights::kBlock;
  const auto* rows = static_cast<const typename Weights::Row*>(task.packed);
  auto* sums = static_cast<float*>(task.scratch);
  Weights weights;
  for (int64_t row = task.row_begin; row < task.row_end; row += kPanelRows) {
    const HalvedPanel panel = make_halved_panel(task, row);
    clear_sums(task);
    for (int64_t b = 0; b < n_blocks; ++b) {
      for (int h = 0; h < kHalves; ++h) {
        prefetch_next_block(panel.halves[h], b * Weights::kBlockBytes, Weights::kBlockBytes, task);
        weights.unpack(panel.halves[h], b, h);
      }
      multiply_all(weights, rows + b * task.n, task.n, sums);
    }
    write_sums(task, panel, row);
  }
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
