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
void dequantize_q4_1(const BlockQ4_1* blocks, float* out, int64_t n) noexcept;
void quantize_q4_1(const float* x, BlockQ4_1* blocks, int64_t n) noexcept;
void dequantize_q5_0(const BlockQ5_0* blocks, float* out, int64_t n) noexcept;
void quantize_q5_0(const float* x, BlockQ5_0* blocks, int64_t n) noexcept;
void dequantize_q5_1(const BlockQ5_1* blocks, float* out, int64_t n) noexcept;
void quantize_q5_1(const float* x, BlockQ5_1* blocks, int64_t n) noexcept;
void dequantize_q8_0(const BlockQ8_0* blocks, float* out, int64_t n) noexcept;
void quantize_q8_0(const float* x, BlockQ8_0* blocks, int64_t n) noexcept;

void dequantize_q2_k(const BlockQ2_K* blocks, float* out, int64_t n) noexcept;
void quantize_q2_k(const float* x, BlockQ2_K* blocks, int64_t n) noexcept;
void dequantize_q3_k(const BlockQ3_K* blocks, float* out, int64_t n) noexcept;
void quantize_q3_k(const float* x, BlockQ3_K* blocks, int64_t n) noexcept;
void dequantize_q4_k(const BlockQ4_K* blocks, float* out, int64_t n) noexcept;
void quantize_q4_k(const float* x, BlockQ4_K* blocks, int64_t n) noexcept;
void dequantize_q5_k(const BlockQ5_K* blocks, float* out, int64_t n) noexcept;
void quantize_q5_k(const float* x, BlockQ5_K* blocks, int64_t n) noexcept;
void dequantize_q6_k(const BlockQ6_K* blocks, float* out, int64_t n) noexcept;
void quantize_q6_k(const float* x, BlockQ6_K* blocks, int64_t n) noexcept;

void dequantize_iq1_s(const BlockIQ1_S* blocks, float* out, int64_t n) noexcept;
void dequantize_iq1_m(const BlockIQ1_M* blocks, float* out, int64_t n) noexcept;
void dequantize_iq2_xxs(const BlockIQ2_XXS* blocks, float* out, int64_t n) noexcept;
void dequantize_iq2_xs(const BlockIQ2_XS* blocks, float* out, int64_t n) noexcept;
void dequantize_iq2_s(const BlockIQ2_S* blocks, float* out, int64_t n) noexcept;
void dequantize_iq3_xxs(const BlockIQ3_XXS* blocks, float* out, int64_t n) noexcept;
void dequantize_iq3_s(const BlockIQ3_S* blocks, float* out, int64_t n) noexcept;
void dequantize_iq4_nl(const BlockIQ4_NL* blocks, float* out, int64_t n) noexcept;
void quantize_iq4_nl(const float* x, BlockIQ4_NL* blocks, int64_t n) noexcept;
void dequantize_iq4_xs(const BlockIQ4_XS* blocks, float* out, int64_t n) noexcept;

void dequantize_tq1_0(const BlockTQ1_0* blocks, float* out, int64_t n) noexcept;
void dequantize_tq2_0(const BlockTQ2_0* blocks, float* out, int64_t n) noexcept;
void dequantize_q1_0(const BlockQ1_0* blocks, float* out, int64_t n) noexcept;
void dequantize_q2_0(const BlockQ2_0* blocks, float* out, int64_t n) noexcept;

void dequantize_mxfp4(const BlockMXFP4* blocks, float* out, int64_t n) noexcept;
void quantize_mxfp4(const float* x, BlockMXFP4* blocks, int64_t n) noexcept;
void dequantize_a4(const BlockA4* blocks, float* out, int64_t n) noexcept;
void dequantize_a8(const BlockA8* blocks, float* out, int64_t n) noexcept;

void dequantize_nvfp4(const BlockNVFP4* blocks, float* out, int64_t n) noexcept;

}  // namespace hearth::quant
