// Matrix-unit products: in bytes, bit-identical to those of the AVX-512 set, and in bf16, with attention for
// prompts. Everything else of the AMX set is the AVX-512 set's.
#define HEARTH_ISA amx

// The kernels are written in terms of the vector type, which therefore comes first.
// clang-format off
#include "backends/cpu/avx512/vector-inl.h"
#include "backends/cpu/simd/functions-inl.h"
#include "backends/cpu/simd/attention_rows-inl.h"
#include "backends/cpu/simd/k_scales-inl.h"
#include "backends/cpu/simd/panel-inl.h"
#include "backends/cpu/avx512/unpack-inl.h"
#include "backends/cpu/amx/tiles-inl.h"
#include "backends/cpu/amx/pack-inl.h"
#include "backends/cpu/amx/matmul_k_quants-inl.h"
#include "backends/cpu/amx/matmul_small-inl.h"
#include "backends/cpu/amx/bf16_tiles-inl.h"
#include "backends/cpu/amx/bf16_pack-inl.h"
#include "backends/cpu/amx/bf16_expand-inl.h"
#include "backends/cpu/amx/bf16_matmul-inl.h"
#include "backends/cpu/amx/bf16_attention-inl.h"
#include "backends/cpu/amx/bf16_gemm-inl.h"
// clang-format on

namespace hearth::cpu {
namespace amx {
namespace {

size_t scratch_bytes(int64_t n) noexcept {
  return static_cast<size_t>(count_tiles(n) * kTileSide * kTileSide) * sizeof(float);
}

constexpr TileKernels kTiles{
    packed_bytes,
    scratch_bytes,
    pack,
    {12, matmul_small<quant::BlockQ4_0>},
    {12, matmul_small<quant::BlockQ8_0>},
    {9, matmul_k_quant<Q4_KWeights>},
    {9, matmul_k_quant<Q5_KWeights>},
    {9, matmul_k_quant<Q6_KWeights>},
};

constexpr Bf16Kernels kBf16{
    bf16::packed_bytes,
    bf16::scratch_bytes,
    bf16::pack,
    {nullptr, nullptr, bf16::matmul<bf16::BF16Rows>, bf16::matmul<bf16::SmallBlocks<quant::BlockQ4_0>>,
     bf16::matmul<bf16::SmallBlocks<quant::BlockQ8_0>>, bf16::matmul<bf16::SuperBlocks<quant::BlockQ4_K>>,
     bf16::matmul<bf16::SuperBlocks<quant::BlockQ5_K>>, bf16::matmul<bf16::SuperBlocks<quant::BlockQ6_K>>},
    bf16::matmul<bf16::DequantizedRows>,
    bf16::attention_scratch_bytes,
    bf16::attention,
    {bf16::kGemmSide, bf16::kGemmSide, sizeof(uint16_t), bf16::kTileDepth, bf16::gemm_begin, bf16::gemm_end,
     bf16::gemm_pack</*kLeft=*/true>, bf16::gemm_pack</*kLeft=*/false>, bf16::gemm_tile},
};

}  // namespace
}  // namespace amx

extern const TileKernels kAmxTiles;
const TileKernels kAmxTiles = amx::kTiles;
extern const Bf16Kernels kAmxBf16;
const Bf16Kernels kAmxBf16 = amx::kBf16;

}  // namespace hearth::cpu
