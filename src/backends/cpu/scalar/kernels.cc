// The portable set: what every processor can run.
#define HEARTH_ISA scalar

// The kernels are written in terms of the vector type, which therefore comes first.
// clang-format off
#include "backends/cpu/scalar/vector-inl.h"
#include "backends/cpu/simd/functions-inl.h"
#include "backends/cpu/simd/elementwise-inl.h"
#include "backends/cpu/simd/attention_rows-inl.h"
#include "backends/cpu/simd/attention-inl.h"
#include "backends/cpu/simd/expand-inl.h"
#include "backends/cpu/simd/gemm-inl.h"
#include "backends/cpu/simd/matmul_float-inl.h"
#include "backends/cpu/scalar/matmul_quantized-inl.h"
#include "backends/cpu/simd/table-inl.h"
// clang-format on

namespace hearth::cpu {

extern const Kernels kScalarKernels;
const Kernels kScalarKernels = scalar::kKernels;

}  // namespace hearth::cpu
