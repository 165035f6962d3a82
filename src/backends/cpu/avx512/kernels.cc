// The set for processors with AVX-512 with VNNI.
#define HEARTH_ISA avx512

// The kernels are written in terms of the vector type, which therefore comes first.
// clang-format off
#include "backends/cpu/avx512/vector-inl.h"
#include "backends/cpu/simd/functions-inl.h"
#include "backends/cpu/simd/elementwise-inl.h"
#include "backends/cpu/simd/attention_rows-inl.h"
#include "backends/cpu/simd/attention-inl.h"
#include "backends/cpu/simd/expand-inl.h"
#include "backends/cpu/simd/gemm-inl.h"
#include "backends/cpu/simd/matmul_float-inl.h"
#include "backends/cpu/simd/k_scales-inl.h"
#include "backends/cpu/simd/panel-inl.h"
#include "backends/cpu/avx512/unpack-inl.h"
#include "backends/cpu/avx512/matmul_small-inl.h"
#include "backends/cpu/simd/matmul_quantized-inl.h"
#include "backends/cpu/simd/quantized_tiles-inl.h"
#include "backends/cpu/simd/table-inl.h"
#include "backends/cpu/avx512/interleave-inl.h"
#include "backends/cpu/avx512/expand_sixteen-inl.h"
#include "backends/cpu/avx512/interleaved_blocks-inl.h"
#include "backends/cpu/avx512/matmul_interleaved-inl.h"
// clang-format on

namespace hearth::cpu {
namespace avx512 {
namespace {

constexpr TileKernels kTiles{
    nullptr,
    nullptr,
    nullptr,
    {3, matmul_interleaved<SmallPanels, InterleavedQ4_0>},
    {3, matmul_interleaved<SmallPanels, InterleavedQ8_0>},
    {4, matmul_interleaved<SuperPanels, InterleavedQ4_K>},
    {4, matmul_interleaved<SuperPanels, InterleavedQ5_K>},
    {10, matmul_interleaved<SuperPanels, InterleavedQ6_K>},
};

}  // namespace
}  // namespace avx512

extern const Kernels kAvx512Kernels;
constexpr Kernels kAvx512Kernels = avx512::with_sixteen(avx512::kKernels);
extern const TileKernels kAvx512Tiles;
const TileKernels kAvx512Tiles = avx512::kTiles;

}  // namespace hearth::cpu
