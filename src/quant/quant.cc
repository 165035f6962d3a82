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
  void (*quantize)(const float* x, void* blocks, int64_t n);  // null: no such search is written
};

template <auto kDequantize, auto kQuantize, typename Block>
constexpr RowFunctions both_ways(DType dtype) {
  return {dtype, dequantize_as<kDequantize, Block>, quantize_as<kQuantize, Block>};
}
template <auto kDequantize, typename Block>
constexpr RowFunctions reading(DType dtype) {
  return {dtype, dequantize_as<kDequantize, Block>, nullptr};
}

constexpr RowFunctions kRowFunctions[] = {
    both_ways<copy_from_f32, copy_to_f32, float>(DType::kF32),
    both_ways<dequantize_f16, quantize_f16, uint16_t>(DType::kF16),
    both_ways<dequantize_bf16, quantize_bf16, uint16_t>(DType::kBF16),
    both_ways<dequantize_q4_0, quantize_q4_0, BlockQ4_0>(DType::kQ4_0),
    both_ways<dequantize_q4_1, quantize_q4_1, BlockQ4_1>(DType::kQ4_1),
    both_ways<dequantize_q5_0, quantize_q5_0, BlockQ5_0>(DType::kQ5_0),
    both_ways<dequantize_q5_1, quantize_q5_1, BlockQ5_1>(DType::kQ5_1),
    both_ways<dequantize_q8_0, quantize_q8_0, BlockQ8_0>(DType::kQ8_0),
    both_ways<dequantize_q2_k, quantize_q2_k, BlockQ2_K>(DType::kQ2_K),
    both_ways<dequantize_q3_k, quantize_q3_k, BlockQ3_K>(DType::kQ3_K),
    both_ways<dequantize_q4_k, quantize_q4_k, BlockQ4_K>(DType::kQ4_K),
    both_ways<dequantize_q5_k, quantize_q5_k, BlockQ5_K>(DType::kQ5_K),
    both_ways<dequantize_q6_k, quantize_q6_k, BlockQ6_K>(DType::kQ6_K),
    reading<dequantize_iq1_s, BlockIQ1_S>(DType::kIQ1_S),
    reading<dequantize_iq1_m, BlockIQ1_M>(DType::kIQ1_M),
    reading<dequantize_iq2_xxs, BlockIQ2_XXS>(DType::kIQ2_XXS),
    reading<dequantize_iq2_xs, BlockIQ2_XS>(DType::kIQ2_XS),
    reading<dequantize_iq2_s, BlockIQ2_S>(DType::kIQ2_S),
    reading<dequantize_iq3_xxs, BlockIQ3_XXS>(DType::kIQ3_XXS),
    reading<dequantize_iq3_s, BlockIQ3_S>(DType::kIQ3_S),
    both_ways<dequantize_iq4_nl, quantize_iq4_nl, BlockIQ4_NL>(DType::kIQ4_NL),
    reading<dequantize_iq4_xs, BlockIQ4_XS>(DType::kIQ4_XS),
    reading<dequantize_tq1_0, BlockTQ1_0>(DType::kTQ1_0),
    reading<dequantize_tq2_0, BlockTQ2_0>(DType::kTQ2_0),
    reading<dequantize_q1_0, BlockQ1_0>(DType::kQ1_0),
    reading<dequantize_q2_0, BlockQ2_0>(DType::kQ2_0),
    both_ways<dequantize_mxfp4, quantize_mxfp4, BlockMXFP4>(DType::kMXFP4),
    reading<dequantize_nvfp4, BlockNVFP4>(DType::kNVFP4),
    reading<dequantize_a4, BlockA4>(DType::kA4),
    reading<dequantize_a8, BlockA8>(DType::kA8),
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

bool can_quantize(DType dtype) noexcept {
  const RowFunctions* functions = find_functions(dtype);
  return functions != nullptr && functions->quantize != nullptr;
}

void dequantize_row(DType dtype, const void* blocks, float* out, int64_t n) {
  functions_for(dtype, n).dequantize(blocks, out, n);
}

void quantize_row(DType dtype, const float* x, void* blocks, int64_t n) {
  const RowFunctions& functions = functions_for(dtype, n);
  HEARTH_CHECK(functions.quantize != nullptr);
  functions.quantize(x, blocks, n);
}

}  // namespace hearth::quant
