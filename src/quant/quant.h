// Rows of weights to float32 and back, one element type or block type at a time; plain loops, and the
// definition of what every kernel must compute.
//
// Dequantising is exact: the same bits on every machine, and the same as the formats' originators give.
// Thread-safe.
#pragma once

#include <cstdint>

#include "tensor/dtype.h"

namespace hearth::quant {

// Every type in which GGUF files hold weights, and A4 and A8: all but the integers, F64, and Q8_1 and Q8_K,
// which exist for activations only. dequantize_row takes these types only; ask first.
bool can_dequantize(tensor::DType dtype) noexcept;

// F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, MXFP4: what
// quantize_row takes.
bool can_quantize(tensor::DType dtype) noexcept;

// n: elements, a whole number of blocks.
//   blocks  n / block_elements blocks, aligned to 2 bytes (F32: to 4)
//   out     [n], overwritten
void dequantize_row(tensor::DType dtype, const void* blocks, float* out, int64_t n);

// The blocks of least squared error that a search of scales finds; the plain types round to nearest even. The
// same bits on every machine.
//   x       [n], finite
//   blocks  n / block_elements blocks, overwritten
void quantize_row(tensor::DType dtype, const float* x, void* blocks, int64_t n);

}  // namespace hearth::quant
