// The set for processors with AVX2 with FMA, F16C and BMI2.
#define HEARTH_ISA avx2

// The kernels are written in terms of the vector type, which therefore comes first.
// clang-format off
#include "backends/cpu/avx2/vector-inl.h"
#include "backends/cpu/simd/elementwise-inl.h"
#include "backends/cpu/simd/attention-inl.h"
#include "backends/cpu/simd/expand-inl.h"
#include "backends/cpu/simd/matmul_float-inl.h"
#include "backends/cpu/simd/k_scales-inl.h"
#include "backends/cpu/simd/panel-inl.h"
#include "backends/cpu/avx2/unpack-inl.h"
#include "backends/cpu/avx2/matmul_small-inl.h"
#include "backends/cpu/simd/matmul_quantized-inl.h"
#include "backends/cpu/simd/table-inl.h"
// clang-format on

namespace hearth::cpu {

extern const Kernels kAvx2Kernels;
const Kernels kAvx2Kernels = avx2::kKernels;

}  // namespace hearth::cpu
