// Tiles of bf16, and the panels of weights that are dequantised into them.

namespace hearth::cpu::HEARTH_ISA {
namespace {
namespace bf16 {

constexpr int64_t kTileDepth = 32;  // elements that a product of tiles covers
constexpr int64_t kTileElements = kTileSide * kTileDepth;
constexpr int64_t kTileFloats = kTileSide * kTileSide;  // of sums

// Weights are dequantised in panels of kPanelRows by kPanelDepth.
constexpr int64_t kPanelTiles = 2;
constexpr int64_t kPanelRows = kPanelTiles * kTileSide;
constexpr int64_t kPanelDepth = 256;
constexpr int64_t kPanelSteps = kPanelDepth / kTileDepth;

inline int64_t count_tiles(int64_t n) {
  return (n + kTileSide - 1) / kTileSide;
}
inline int64_t count_steps(int64_t k) {
  return (k + kTileDepth - 1) / kTileDepth;
}

// Two vectors of floats as one of bf16, rounded to the nearest, subnormal numbers to zero.
inline I to_bf16(F low, F high) {
  return reinterpret_cast<I>(_mm512_cvtne2ps_pbh(high, low));
}

}  // namespace bf16
}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
