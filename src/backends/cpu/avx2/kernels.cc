// The set for processors with AVX2 with FMA, F16C and BMI2.
#define HEARTH_ISA avx2

// The kernels are written in terms of the vector type, which therefore comes first.
// clang-format off
#include "backends/cpu/avx2/vector-inl.h"
#include "backends/cpu/simd/functions-inl.h"
#include "backends/cpu/simd/elementwise-inl.h"
#include "backends/cpu/simd/attention_rows-inl.h"
#include "backends/cpu/simd/attention-inl.h"
#include "backends/cpu/simd/expand-inl.h"
#include "backends/cpu/simd/gemm-inl.h"
#include "backends/cpu/simd/matmul_float-inl.h"
#include "backends/cpu/simd/k_scales-inl.h"
#include "backends/cpu/simd/panel-inl.h"
#include "backends/cpu/avx2/unpack-inl.h"
#include "backends/cpu/avx2/matmul_small-inl.h"
#include "backends/cpu/simd/matmul_quantized-inl.h"
#include "backends/cpu/simd/quantized_tiles-inl.h"
#include "backends/cpu/simd/table-inl.h"
#include "backends/cpu/avx2/tiles-inl.h"
#include "backends/cpu/avx2/tiles_k_quants-inl.h"
#include "backends/cpu/avx2/tiles_small-inl.h"
// clang-format on

namespace hearth::cpu {
namespace avx2 {
namespace {

constexpr TileKernels kTiles{
    packed_bytes,
    tile_scratch_bytes,
    pack,
    {4, matmul_tiles<SmallWeights<UnsignedQ4_0>>},
    {4, matmul_tiles<SmallWeights<SmallQ8_0>>},
    {4, matmul_tiles<SuperWeights<Q4_KType>>},
    {4, matmul_tiles<SuperWeights<Q5_KType>>},
    {4, matmul_tiles<SuperWeights<Q6_KType>>},
};

}  // namespace
}  // namespace avx2

extern const Kernels kAvx2Kernels;
const Kernels kAvx2Kernels = avx2::kKernels;
extern const TileKernels kAvx2Tiles;
const TileKernels kAvx2Tiles = avx2::kTiles;

}  // namespace hearth::cpu
