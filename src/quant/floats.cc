#include "quant/families.h"
#include "quant/half.h"

namespace hearth::quant {

void dequantize_f16(const uint16_t* x, float* out, int64_t n) noexcept {
  for (int64_t i = 0; i < n; ++i) out[i] = f16_to_f32(x[i]);
}

void quantize_f16(const float* x, uint16_t* out, int64_t n) noexcept {
  for (int64_t i = 0; i < n; ++i) out[i] = f32_to_f16(x[i]);
}

void dequantize_bf16(const uint16_t* x, float* out, int64_t n) noexcept {
  for (int64_t i = 0; i < n; ++i) out[i] = bf16_to_f32(x[i]);
}

void quantize_bf16(const float* x, uint16_t* out, int64_t n) noexcept {
  for (int64_t i = 0; i < n; ++i) out[i] = f32_to_bf16(x[i]);
}

}  // namespace hearth::quant
