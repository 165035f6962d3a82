#include "backends/cpu/dispatch.h"

namespace hearth::cpu {

extern const Kernels kScalarKernels;
#if defined(__x86_64__)
extern const Kernels kAvx2Kernels;
extern const TileKernels kAvx2Tiles;
extern const Kernels kAvx512Kernels;
extern const TileKernels kAvx512Tiles;
extern const TileKernels kAmxTiles;
extern const Bf16Kernels kAmxBf16;
#elif defined(__aarch64__)
extern const Kernels kNeonKernels;
#endif

KernelSet kernels_for(Isa isa) noexcept {
  switch (isa) {
    case Isa::kScalar:
      return {&kScalarKernels, {}, nullptr};
#if defined(__x86_64__)
    case Isa::kAvx2:
      return {&kAvx2Kernels, {&kAvx2Tiles}, nullptr};
    case Isa::kAvx512:
      return {&kAvx512Kernels, {&kAvx512Tiles}, nullptr};
    case Isa::kAmx:
      return {&kAvx512Kernels, {&kAvx512Tiles, &kAmxTiles}, &kAmxBf16};
#elif defined(__aarch64__)
    case Isa::kNeon:
      return {&kNeonKernels, {}, nullptr};
#endif
    default:
      return {nullptr, {}, nullptr};
  }
}

}  // namespace hearth::cpu
