#include "quant/quant.h"

#include <algorithm>

#include "base/check.h"
#include "quant/families.h"

namespace hearth::quant {
namespace {

using tensor::DType;

// Erases the block type: the caller of a row names it by its DType.
template <auto kFunction, typename Block>
void dequantize_as(const void* blocks, float* out, int64_t n) {
  kFunction(static_cast<const Block*>(blocks), out, n);
}
template <auto kFunction, typename Block>
void quantize_as(const float* x, void* blocks, int64_t n) {
  kFunction(x, static_cast<Block*>(blocks), n);
}

void copy_from_f32(const float* x, float* out, int64_t n) {
  std::copy_n(x, n, out);
}
void copy_to_f32(const float* x, float* out, int64_t n) {
  std::copy_n(x, n, out);
}

struct RowFunctions {
  DType dtype;
  void (*dequantize)(const void* blocks, float* out, int64_t n);
  void (*quantize)(const float* x, void* blocks, int64_t n);
};

constexpr RowFunctions kRowFunctions[] = {
    {DType::kF32, dequantize_as<copy_from_f32, float>, quantize_as<copy_to_f32, float>},
    {DType::kF16, dequantize_as<dequantize_f16, uint16_t>, quantize_as<quantize_f16, uint16_t>},
    {DType::kBF16, dequantize_as<dequantize_bf16, uint16_t>, quantize_as<quantize_bf16, uint16_t>},
    {DType::kQ4_0, dequantize_as<dequantize_q4_0, BlockQ4_0>, quantize_as<quantize_q4_0, BlockQ4_0>},
    {DType::kQ8_0, dequantize_as<dequantize_q8_0, BlockQ8_0>, quantize_as<quantize_q8_0, BlockQ8_0>},
    {DType::kQ4_K, dequantize_as<dequantize_q4_k, BlockQ4_K>, quantize_as<quantize_q4_k, BlockQ4_K>},
    {DType::kQ5_K, dequantize_as<dequantize_q5_k, BlockQ5_K>, quantize_as<quantize_q5_k, BlockQ5_K>},
    {DType::kQ6_K, dequantize_as<dequantize_q6_k, BlockQ6_K>, quantize_as<quantize_q6_k, BlockQ6_K>},
};

const RowFunctions* find_functions(DType dtype) noexcept {
  const auto* found = std::find_if(std::begin(kRowFunctions), std::end(kRowFunctions),
                                   [&](const RowFunctions& f) { return f.dtype == dtype; });
  return found == std::end(kRowFunctions) ? nullptr : found;
}

const RowFunctions& functions_for(DType dtype, int64_t n) {
  const RowFunctions* functions = find_functions(dtype);
  HEARTH_CHECK(functions != nullptr);
  HEARTH_CHECK(n >= 0 && n % tensor::dtype_traits(dtype).block_elements == 0);
  return *functions;
}

}  // namespace

bool can_dequantize(DType dtype) noexcept {
  return find_functions(dtype) != nullptr;
}

void dequantize_row(DType dtype, const void* blocks, float* out, int64_t n) {
  functions_for(dtype, n).dequantize(blocks, out, n);
}

void quantize_row(DType dtype, const float* x, void* blocks, int64_t n) {
  functions_for(dtype, n).quantize(x, blocks, n);
}

}  // namespace hearth::quant
