// The set for 64-bit ARM processors with dot products (Armv8.2's SDOT).
#define HEARTH_ISA neon

// The kernels are written in terms of the vector type, which therefore comes first.
// clang-format off
#include "backends/cpu/neon/vector-inl.h"
#include "backends/cpu/simd/functions-inl.h"
#include "backends/cpu/simd/elementwise-inl.h"
#include "backends/cpu/simd/attention_rows-inl.h"
#include "backends/cpu/simd/attention-inl.h"
#include "backends/cpu/simd/expand-inl.h"
#include "backends/cpu/simd/gemm-inl.h"
#include "backends/cpu/simd/matmul_float-inl.h"
#include "backends/cpu/neon/six_bits-inl.h"
#include "backends/cpu/simd/panel-inl.h"
#include "backends/cpu/neon/unpack-inl.h"
#include "backends/cpu/neon/matmul_quantized-inl.h"
#include "backends/cpu/simd/quantized_tiles-inl.h"
#include "backends/cpu/simd/table-inl.h"
// clang-format on

namespace hearth::cpu {

extern const Kernels kNeonKernels;
const Kernels kNeonKernels = neon::kKernels;

}  // namespace hearth::cpu
