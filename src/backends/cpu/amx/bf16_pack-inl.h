// Activations as tiles of bf16: row p of a tile holds elements 2p and 2p + 1 of each of 16 activations. What
// a panel of weights is multiplied with stands together: [k / kPanelDepth][tile of activations][step].

namespace hearth::cpu::HEARTH_ISA {
namespace {
namespace bf16 {

// Elements beyond k, and activations beyond n, are zeros.
size_t packed_bytes(int64_t n, int64_t k) noexcept {
  return static_cast<size_t>(count_tiles(n) * count_steps(k) * kTileElements) * sizeof(uint16_t);
}

inline int64_t steps_of_panel(int64_t n_steps, int64_t first_step) {
  return n_steps - first_step < kPanelSteps ? n_steps - first_step : kPanelSteps;
}
// Where the steps from first_step (a panel's first) on of a tile begin.
inline int64_t packed_offset(int64_t n_tiles, int64_t n_steps, int64_t tile, int64_t first_step) {
  return (first_step * n_tiles + tile * steps_of_panel(n_steps, first_step)) * kTileElements;
}

// Elements of 16 activations, of those after n and of elements after k zeros.
inline void pack_tile(const float* x, int64_t n, int64_t k, int64_t count, uint16_t* to) {
  I m[kTileSide];
  for (int64_t i = 0; i < kTileSide; ++i, x += k) {
    if (i >= n) {
      m[i] = zero_integers();
    } else if (count >= kTileDepth) {
      m[i] = to_bf16(load(x), load(x + kLanes));
    } else {
      m[i] =
          to_bf16(load_partial(x, count), count > kLanes ? load_partial(x + kLanes, count - kLanes) : zero());
    }
  }
  transpose(m);
  for (int i = 0; i < kTileSide; ++i) _mm512_store_si512(to + i * kTileDepth, m[i]);
}

void pack(const float* x, int64_t n, int64_t k, int64_t tile_begin, int64_t tile_end, void* packed) noexcept {
  const int64_t n_steps = count_steps(k);
  for (int64_t tile = tile_begin; tile < tile_end; ++tile) {
    const int64_t first = tile * kTileSide;
    for (int64_t panel = 0; panel < n_steps; panel += kPanelSteps) {
      auto* to = static_cast<uint16_t*>(packed) + packed_offset(count_tiles(n), n_steps, tile, panel);
      for (int64_t step = panel; step < panel + steps_of_panel(n_steps, panel); ++step, to += kTileElements) {
        pack_tile(x + first * k + step * kTileDepth, n - first, k, k - step * kTileDepth, to);
      }
    }
  }
}

}  // namespace bf16
}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
