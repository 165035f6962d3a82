// Products of dense f32 matrices that are rounded to bf16 as they are packed; sums are f32.
//
// A tile of c is two by two tiles of sums. Its left factors stand in a strip as [step][2][row][kTileDepth],
// its right ones as [step][2][pair of the depth][column][2] (Intel SDM, TDPBF16PS).

namespace hearth::cpu::HEARTH_ISA {
namespace {
namespace bf16 {

constexpr int64_t kGemmTiles = 2;
constexpr int64_t kGemmSide = kGemmTiles * kTileSide;

// 16 rows of two elements of each depth pair, from two rows of 16.
inline I interleave(I both) {
  const I order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                                   21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(order, both);
}

inline F load_some(const float* from, int64_t n) {
  return n <= 0 ? zero() : n >= kLanes ? load(from) : load_partial(from, n);
}

// depth x count elements, (p, i) at from[p + i * stride], as [i][kTileDepth].
inline void gather_rows(const float* from, int64_t stride, int64_t depth, int64_t count, I* m) {
  for (int64_t i = 0; i < kTileSide; ++i, from += stride) {
    m[i] = i < count ? to_bf16(load_some(from, depth), load_some(from + kLanes, depth - kLanes))
                     : zero_integers();
  }
}

// depth x count elements, (p, i) at from[p * stride + i], as [p / 2][i][2].
inline void gather_pairs(const float* from, int64_t stride, int64_t depth, int64_t count, I* m) {
  for (int64_t q = 0; q < kTileSide; ++q, from += 2 * stride) {
    const int64_t rows = depth - 2 * q;
    const F even = rows > 0 ? load_some(from, count) : zero();
    const F odd = rows > 1 ? load_some(from + stride, count) : zero();
    m[q] = interleave(to_bf16(even, odd));
  }
}

// What the other factor's tiles are is each one's transposed, a pair of bf16 to a place.
template <bool kLeft>
void gemm_pack(const GemmStrip& strip, void* to) noexcept {
  auto* out = static_cast<uint16_t*>(to);
  for (int64_t p = 0; p < strip.depth; p += kTileDepth) {
    for (int64_t i = 0; i < kGemmSide; i += kTileSide, out += kTileElements) {
      const float* from = strip.from + p * strip.depth_stride + i * strip.count_stride;
      const bool is_by_rows = strip.depth_stride == 1;
      I m[kTileSide];
      if (is_by_rows) {
        gather_rows(from, strip.count_stride, strip.depth - p, strip.count - i, m);
      } else {
        gather_pairs(from, strip.depth_stride, strip.depth - p, strip.count - i, m);
      }
      if (is_by_rows != kLeft) transpose(m);
      for (int64_t r = 0; r < kTileSide; ++r) _mm512_store_si512(out + r * kTileDepth, m[r]);
    }
  }
}

void gemm_begin() noexcept {
  configure_tiles(64);
}
void gemm_end() noexcept {
  _tile_release();
}

void gemm_tile(int64_t depth, const void* a, const void* b, bool adds, float* c, int64_t c_stride) noexcept {
  const auto* left = static_cast<const uint16_t*>(a);
  const auto* right = static_cast<const uint16_t*>(b);
  float* const below = c + kTileSide * c_stride;
  const int64_t stride = c_stride * static_cast<int64_t>(sizeof(float));
  publish_to_tiles(c);
  if (adds) {
    _tile_loadd(0, c, stride);
    _tile_loadd(1, c + kTileSide, stride);
    _tile_loadd(2, below, stride);
    _tile_loadd(3, below + kTileSide, stride);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  for (int64_t p = 0; p < depth; p += kTileDepth) {
    _tile_loadd(4, left, 64);
    _tile_loadd(6, right, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, right + kTileElements, 64);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(5, left + kTileElements, 64);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
    left += kGemmTiles * kTileElements;
    right += kGemmTiles * kTileElements;
  }
  _tile_stored(0, c, stride);
  _tile_stored(1, c + kTileSide, stride);
  _tile_stored(2, below, stride);
  _tile_stored(3, below + kTileSide, stride);
  publish_to_tiles(c);
}

}  // namespace bf16
}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
