// A tile of a dense product, and the packing of its panels, for any vector type F. The set says how many rows
// of how many vectors stay in registers.

namespace hearth::cpu::HEARTH_ISA {
namespace {

void gemm_tile(int64_t depth, const void* left, const void* right, bool adds, float* c,
               int64_t c_stride) noexcept {
  const auto* a = static_cast<const float*>(left);
  const auto* b = static_cast<const float*>(right);
  F sums[kGemmRows][kGemmVectors];
  for (int r = 0; r < kGemmRows; ++r) {
    for (int v = 0; v < kGemmVectors; ++v) sums[r][v] = adds ? load(c + r * c_stride + v * kLanes) : zero();
  }
  for (int64_t p = 0; p < depth; ++p, a += kGemmRows, b += kGemmVectors * kLanes) {
    F bs[kGemmVectors];
    for (int v = 0; v < kGemmVectors; ++v) bs[v] = load(b + v * kLanes);
    for (int r = 0; r < kGemmRows; ++r) {
      const F x = broadcast(a[r]);
      for (int v = 0; v < kGemmVectors; ++v) sums[r][v] = fma(x, bs[v], sums[r][v]);
    }
  }
  for (int r = 0; r < kGemmRows; ++r) {
    for (int v = 0; v < kGemmVectors; ++v) store(c + r * c_stride + v * kLanes, sums[r][v]);
  }
}

// Whole vectors are stored in ascending order: what a strip has no room for is overwritten by what follows.
// Where several vectors make a row of it, they must fill it.
static_assert(kGemmRows <= kLanes || kGemmRows % kLanes == 0);
void gemm_pack(const GemmStrip& strip, void* packed) noexcept {
  auto* to = static_cast<float*>(packed);
  const auto [from, depth_stride, count_stride, depth, count, width] = strip;
  if (count_stride == 1) {
    for (int64_t p = 0; p < depth; ++p) {
      for (int64_t i = 0; i < width; i += kLanes) {
        const F x = i < count ? load_partial(from + p * depth_stride + i, count - i) : zero();
        store(to + p * width + i, x);
      }
    }
    return;
  }
  int64_t p = 0;
  for (; p + kLanes <= depth; p += kLanes) {
    for (int64_t i = 0; i < width; i += kLanes) {
      F square[kLanes];
      for (int64_t j = 0; j < kLanes; ++j)
        square[j] = i + j < count ? load(from + p + (i + j) * count_stride) : zero();
      transpose(square);
      for (int64_t j = 0; j < kLanes; ++j) store(to + (p + j) * width + i, square[j]);
    }
  }
  for (; p < depth; ++p) {
    for (int64_t i = 0; i < width; ++i) to[p * width + i] = i < count ? from[p + i * count_stride] : 0.0F;
  }
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
