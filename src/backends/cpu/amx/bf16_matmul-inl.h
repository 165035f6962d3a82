// Products of weights of any type with any number of activation rows, in bf16: 16 x 16 sums at a time, in
// f32. A sum's terms are added in the order of k, kTileDepth elements to a step (of which the even
// ones and the odd ones are summed first, each in order: Intel SDM, TDPBF16PS), so that a row's bits are the
// same in any company.
//
// A panel of kPanelRows by kPanelDepth weights is dequantised once and multiplied with all activations, two
// tiles of them by two of weights at a time; meanwhile the vector units dequantise the next panel. The panel
// stays in the first-level cache: where the loads of both sides come from the second, they take longer than
// the products.

namespace hearth::cpu::HEARTH_ISA {
namespace {
namespace bf16 {

// Of activations that a pass over the weights takes, and weight rows whose sums stand unfinished at a time:
// the sums (0.5 MiB) and kPanelDepth elements of the activations (0.25 MiB) stay in the second-level cache.
constexpr int64_t kPassTiles = 32;
constexpr int64_t kUnfinishedRows = 256;
// So many bytes of activations stay there whole, and each panel's sums are finished at once.
constexpr int64_t kCachedActivations = 512 << 10;

struct alignas(64) WeightPanel {
  uint16_t tiles[kPanelTiles][kPanelSteps][kTileElements];
};

// The part of a product that one panel is for.
struct PanelPlace {
  int64_t row;    // its first
  int64_t begin;  // its elements
  int64_t count;
};

// Panels in the order in which they are multiplied: of `rows_at_once`, one depth after the other.
class PanelOrder {
 public:
  PanelOrder(const MatmulTask& task, int64_t rows_at_once)
      : task_(task), rows_at_once_(rows_at_once), group_begin_(task.row_begin), row_(task.row_begin) {}

  bool done() const { return group_begin_ >= task_.row_end; }
  PanelPlace place() const {
    const int64_t rest = task_.k - begin_;
    return {row_, begin_, rest < kPanelDepth ? rest : kPanelDepth};
  }
  // The panel's number among those whose sums stand beside each other.
  int64_t index() const { return (row_ - group_begin_) / kPanelRows; }
  bool is_last_depth() const { return begin_ + kPanelDepth >= task_.k; }

  void advance() {
    row_ += kPanelRows;
    if (row_ < group_end()) return;
    begin_ += kPanelDepth;
    row_ = group_begin_;
    if (begin_ < task_.k) return;
    begin_ = 0;
    group_begin_ += rows_at_once_;
    row_ = group_begin_;
  }

 private:
  int64_t group_end() const {
    const int64_t end = group_begin_ + rows_at_once_;
    return end < task_.row_end ? end : task_.row_end;
  }

  const MatmulTask& task_;
  const int64_t rows_at_once_;
  int64_t group_begin_;
  int64_t row_;
  int64_t begin_ = 0;
};

// Rows `first` .. `end` - 1 of the panel at `place`; where the matrix ends within it, the last row stands in
// for those beyond.
template <typename Weights>
inline void expand_rows(const MatmulTask& task, const PanelPlace& place, int64_t first, int64_t end,
                        WeightPanel& panel) {
  for (int64_t r = first; r < end; ++r) {
    const int64_t row = place.row + r < task.row_end ? place.row + r : task.row_end - 1;
    const char* from = static_cast<const char*>(task.w) + row * task.w_row_bytes;
    // Rows are too short for the processor to see a pattern in, and panels cut them shorter.
    const char* later = from + kPanelRows * task.w_row_bytes + Weights::bytes_of(place.begin);
    for (int64_t i = 0; i < Weights::bytes_of(place.count); i += 64) prefetch_l2(later + i);
    uint16_t* to = panel.tiles[r / kTileSide][0] + r % kTileSide * kTileDepth;
    Weights::expand(task, from, place.begin, place.count, to);
  }
}

// The sums of a panel and a tile of activations, [weight row][activation] each.
struct alignas(64) PanelSums {
  float tiles[kPanelTiles][kTileFloats];
};

// What becomes of the sums in the tile registers.
struct SumsUse {
  bool from_zero;
  bool load;   // else they are in the registers still
  bool store;  // else they stay there
};

// sums (+)= the panel by one or two tiles of activations, [kActivationTiles][n_steps]. `meanwhile`, called
// after each step, is work of the vector units, in pieces so small that the processor sees both at once. GCC
// takes a tile's number as it is spelled, so that there are no loops over tiles here.
template <int kActivationTiles, typename Meanwhile>
inline void multiply_panel(const WeightPanel& panel, const uint16_t* x, int64_t n_steps, SumsUse use,
                           PanelSums* sums, const Meanwhile& meanwhile) {
  constexpr bool kTwo = kActivationTiles == 2;
  publish_to_tiles(&panel);
  if (use.from_zero) {
    _tile_zero(0);
    _tile_zero(1);
    if constexpr (kTwo) _tile_zero(2);
    if constexpr (kTwo) _tile_zero(3);
  } else if (use.load) {
    _tile_loadd(0, sums[0].tiles[0], 64);
    _tile_loadd(1, sums[0].tiles[1], 64);
    if constexpr (kTwo) _tile_loadd(2, sums[1].tiles[0], 64);
    if constexpr (kTwo) _tile_loadd(3, sums[1].tiles[1], 64);
  }
  const uint16_t* w = panel.tiles[0][0];
  const uint16_t* y = x + n_steps * kTileElements;
  for (int64_t step = 0; step < n_steps; ++step) {
    _tile_loadd(4, w, 64);
    _tile_loadd(6, x, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(5, w + kPanelSteps * kTileElements, 64);
    _tile_dpbf16ps(1, 5, 6);
    if constexpr (kTwo) {
      _tile_loadd(7, y, 64);
      _tile_dpbf16ps(2, 4, 7);
      _tile_dpbf16ps(3, 5, 7);
    }
    w += kTileElements;
    x += kTileElements;
    y += kTileElements;
    meanwhile();
  }
  if (use.store) {
    _tile_stored(0, sums[0].tiles[0], 64);
    _tile_stored(1, sums[0].tiles[1], 64);
    if constexpr (kTwo) _tile_stored(2, sums[1].tiles[0], 64);
    if constexpr (kTwo) _tile_stored(3, sums[1].tiles[1], 64);
  }
  publish_to_tiles(sums);
}

// Asks for the lines that write_sums() will write.
inline void prefetch_output(const MatmulTask& task, int64_t row, int64_t activation, int64_t n) {
  const int64_t n_rows = task.row_end - row < kPanelRows ? task.row_end - row : kPanelRows;
  for (int64_t i = activation; i < activation + n && i < task.n; ++i) {
    const float* to = task.out + i * task.out_stride + row;
    for (int64_t r = 0; r < n_rows; r += kTileSide) __builtin_prefetch(to + r, 1);
  }
}

// Finished sums, as rows of activations.
inline void write_sums(const MatmulTask& task, int64_t row, int64_t activation, const PanelSums& sums) {
  const int64_t n = task.n - activation < kTileSide ? task.n - activation : kTileSide;
  for (int64_t tile = 0; tile < kPanelTiles; ++tile, row += kTileSide) {
    const int64_t n_rows = task.row_end - row;
    if (n_rows <= 0) return;
    I m[kTileSide];
    for (int i = 0; i < kTileSide; ++i) m[i] = load_bytes(sums.tiles[tile] + kTileSide * i);
    transpose(m);
    for (int64_t i = 0; i < n; ++i) {
      store_partial(task.out + (activation + i) * task.out_stride + row, _mm512_castsi512_ps(m[i]), n_rows);
    }
  }
}

size_t scratch_bytes(int64_t n) noexcept {
  const int64_t tiles = count_tiles(n) < kPassTiles ? count_tiles(n) : kPassTiles;
  return static_cast<size_t>(kUnfinishedRows / kPanelRows * tiles) * sizeof(PanelSums);
}

// The activations' tiles first_tile .. first_tile + n_tiles - 1.
template <typename Weights>
inline void multiply_pass(const MatmulTask& task, int64_t first_tile, int64_t n_tiles) {
  const int64_t n_steps = count_steps(task.k);
  const int64_t x_bytes = n_tiles * n_steps * kTileElements * static_cast<int64_t>(sizeof(uint16_t));
  const int64_t n_pairs = (n_tiles + 1) / 2;
  WeightPanel panels[2];
  // The sums of a single pair stay in the registers from one depth to the next.
  const bool stays_in_registers = n_pairs == 1;
  const bool finishes_panels = stays_in_registers || x_bytes <= kCachedActivations;
  PanelOrder order(task, finishes_panels ? kPanelRows : kUnfinishedRows);
  PanelOrder next = order;
  expand_rows<Weights>(task, order.place(), 0, kPanelRows, panels[0]);
  for (int current = 0; !order.done(); order.advance(), current ^= 1) {
    next.advance();
    const PanelPlace place = order.place();
    const PanelPlace next_place = next.place();
    const int64_t first_step = place.begin / kTileDepth;
    const int64_t panel_steps = steps_of_panel(n_steps, first_step);
    // The next panel's rows, spread over all steps of this one.
    const int64_t all_steps = n_pairs * panel_steps;
    int64_t n_expanded = next.done() ? kPanelRows : 0;
    int64_t due = 0;
    const auto expand_next = [&] {
      if (n_expanded == kPanelRows) return;
      due += kPanelRows;
      const int64_t first = n_expanded;
      for (; due >= all_steps; due -= all_steps) ++n_expanded;
      expand_rows<Weights>(task, next_place, first, n_expanded, panels[current ^ 1]);
    };
    const bool is_last = order.is_last_depth();
    const SumsUse use{place.begin == 0, !stays_in_registers, !stays_in_registers || is_last};
    const uint16_t* x = static_cast<const uint16_t*>(task.packed) +
                        packed_offset(count_tiles(task.n), n_steps, first_tile, first_step);
    PanelSums* sums = static_cast<PanelSums*>(task.scratch) + order.index() * n_tiles;
    for (int64_t tile = 0; tile < n_tiles; tile += 2, sums += 2, x += 2 * panel_steps * kTileElements) {
      const int64_t activation = (first_tile + tile) * kTileSide;
      const bool is_pair = tile + 1 < n_tiles;
      if (is_last) prefetch_output(task, place.row, activation, 2 * kTileSide);
      if (is_pair) {
        multiply_panel<2>(panels[current], x, panel_steps, use, sums, expand_next);
      } else {
        multiply_panel<1>(panels[current], x, panel_steps, use, sums, expand_next);
      }
      if (!is_last) continue;
      write_sums(task, place.row, activation, sums[0]);
      if (is_pair) write_sums(task, place.row, activation + kTileSide, sums[1]);
    }
  }
}

template <typename Weights>
void matmul(const MatmulTask& task) noexcept {
  configure_tiles(64);
  const int64_t n_tiles = count_tiles(task.n);
  for (int64_t tile = 0; tile < n_tiles; tile += kPassTiles) {
    multiply_pass<Weights>(task, tile, n_tiles - tile < kPassTiles ? n_tiles - tile : kPassTiles);
  }
  _tile_release();
}

}  // namespace bf16
}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
