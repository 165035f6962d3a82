// The rows of each family, behind quant.h. Arguments as there.
#pragma once

#include <cstdint>

#include "quant/blocks.h"

namespace hearth::quant {

void dequantize_f16(const uint16_t* x, float* out, int64_t n) noexcept;
void quantize_f16(const float* x, uint16_t* out, int64_t n) noexcept;
void dequantize_bf16(const uint16_t* x, float* out, int64_t n) noexcept;
void quantize_bf16(const float* x, uint16_t* out, int64_t n) noexcept;

void dequantize_q4_0(const BlockQ4_0* blocks, float* out, int64_t n) noexcept;
void quantize_q4_0(const float* x, BlockQ4_0* blocks, int64_t n) noexcept;
void dequantize_q8_0(const BlockQ8_0* blocks, float* out, int64_t n) noexcept;
void quantize_q8_0(const float* x, BlockQ8_0* blocks, int64_t n) noexcept;

void dequantize_q4_k(const BlockQ4_K* blocks, float* out, int64_t n) noexcept;
void quantize_q4_k(const float* x, BlockQ4_K* blocks, int64_t n) noexcept;
void dequantize_q5_k(const BlockQ5_K* blocks, float* out, int64_t n) noexcept;
void quantize_q5_k(const float* x, BlockQ5_K* blocks, int64_t n) noexcept;
void dequantize_q6_k(const BlockQ6_K* blocks, float* out, int64_t n) noexcept;
void quantize_q6_k(const float* x, BlockQ6_K* blocks, int64_t n) noexcept;

}  // namespace hearth::quant
