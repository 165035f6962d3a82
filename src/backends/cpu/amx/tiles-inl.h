// AMX tiles: eight registers of up to 16 rows of 64 bytes (Intel SDM volume 1, chapter 18). One product of
// tiles multiplies 16 rows of weights by 16 activations, over 64 elements of bytes or 32 of bf16, with 32-bit
// sums.

namespace hearth::cpu::HEARTH_ISA {
namespace {

constexpr int kTileSide = 16;  // weight rows, and activations, of a product
constexpr int64_t kTileBytes = 1024;

struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
};
static_assert(sizeof(TileConfig) == 64);

// GCC 12 believes that loading a configuration reads 8 of its bytes and loading a tile none, and would move
// or drop the stores of what they read. To be called between the two.
inline void publish_to_tiles(const void* memory) {
  __asm__ volatile("" : : "r"(memory) : "memory");
}

// Tiles 0-3 hold sums, 4 and 5 weights, 6 and 7 activations, each product over k_bytes of a row.
inline void configure_tiles(int k_bytes) {
  TileConfig config;
  for (int t = 0; t < 8; ++t) {
    const bool weights = t == 4 || t == 5;
    const bool activations = t >= 6;
    config.row_bytes[t] = static_cast<uint16_t>(weights ? k_bytes : 64);
    config.rows[t] = static_cast<uint8_t>(activations ? k_bytes / 4 : kTileSide);
  }
  publish_to_tiles(&config);
  _tile_loadconfig(&config);
}

// Sums of a panel: [tile][weight row][activation], to be written as out[activation][weight row].
inline void write_panel(const float* sums, const MatmulTask& task, int64_t row, int64_t n_rows) {
  for (int64_t first = 0; first < task.n; first += kTileSide, sums += kTileSide * kTileSide) {
    I m[16];
    for (int i = 0; i < 16; ++i) m[i] = load_bytes(sums + 16 * i);
    transpose(m);
    for (int64_t i = 0; i < kTileSide && first + i < task.n; ++i) {
      store_partial(task.out + (first + i) * task.out_stride + row, _mm512_castsi512_ps(m[i]), n_rows);
    }
  }
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
