// The table of a set, from the kernels included before this file.

namespace hearth::cpu::HEARTH_ISA {
namespace {

constexpr MatmulKernels kMatmulKernels{
    matmul_float<F32Weight>,
    matmul_float<F16Weight>,
    matmul_float<BF16Weight>,
    matmul_quantized<quant::BlockQ4_0, quant::kSmallBlock>,
    matmul_quantized<quant::BlockQ8_0, quant::kSmallBlock>,
    matmul_quantized<quant::BlockQ4_K, quant::kSuperBlock>,
    matmul_quantized<quant::BlockQ5_K, quant::kSuperBlock>,
    matmul_quantized<quant::BlockQ6_K, quant::kSuperBlock>,
};

constexpr ExpandKernels kExpandKernels{
    {expand_f32, nullptr},  {expand_f16, nullptr},  {expand_bf16, nullptr},
    {expand_q8_0, nullptr}, {expand_q4_0, nullptr},
};

constexpr Kernels kKernels{
    rms_norm_kernel,
    layer_norm_kernel,
    {activate_kernel<silu>, gate_kernel<silu>},
    {activate_kernel<gelu_tanh>, gate_kernel<gelu_tanh>},
    {activate_kernel<gelu_erf>, gate_kernel<gelu_erf>},
    add_kernel,
    scale_kernel,
    rope_interleaved_kernel,
    rope_halves_kernel,
    to_f16_kernel,
    quantize_kernel,
    attention_kernel,
    kExpandKernels,
    kMatmulKernels,
    soft_cap_kernel,
    gate_by_sigmoid_kernel,
    clamped_swiglu_kernel,
    delta_step_kernel,
    {kGemmRows, kGemmVectors* kLanes, sizeof(float), 1, nullptr, nullptr, gemm_pack, gemm_pack, gemm_tile},
};

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
