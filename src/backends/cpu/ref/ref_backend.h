// The oracle: every op as plain loops in double precision over exactly dequantised weights. Slow, and
// obviously right; every other backend is tested against it. One file per op.
#pragma once

#include "backends/cpu/host_backend.h"

namespace hearth::cpu {

class RefBackend : public HostBackend {
 public:
  std::string description() const override { return "cpu (ref, 1 thread)"; }

 protected:
  void do_embed(const tensor::Tensor& table, std::span<const int32_t> tokens,
                const tensor::Tensor& out) override;
  void do_rms_norm(const tensor::Tensor& x, const tensor::Tensor& weight, float epsilon,
                   const tensor::Tensor& out) override;
  void do_matmul(const tensor::Tensor& x, const tensor::Tensor& w, const tensor::Tensor& out,
                 tensor::Phase phase) override;
  void do_rope(const tensor::Tensor& x, std::span<const int32_t> positions,
               const tensor::RopeArgs& args) override;
  void do_store_kv(const tensor::Tensor& k, const tensor::Tensor& v, const tensor::PagedKv& cache,
                   std::span<const tensor::SequenceRows> sequences) override;
  void do_attention(const tensor::Tensor& q, const tensor::PagedKv& cache,
                    std::span<const tensor::SequenceRows> sequences, const tensor::AttentionArgs& args,
                    const tensor::Tensor& out) override;
  void do_activate_gate(tensor::Activation activation, const tensor::Tensor& gate,
                        const tensor::Tensor& up) override;
  void do_add(const tensor::Tensor& x, const tensor::Tensor& y) override;
  void do_add_bias(const tensor::Tensor& x, const tensor::Tensor& bias) override;
  void do_scale(const tensor::Tensor& x, float factor) override;
  void do_activate(tensor::Activation activation, const tensor::Tensor& x) override;
  void do_layer_norm(const tensor::Tensor& x, const tensor::Tensor& weight, const tensor::Tensor* bias,
                     float epsilon, const tensor::Tensor& out) override;
  void do_route(const tensor::Tensor& logits, const tensor::RouteArgs& args, const tensor::Tensor& experts,
                const tensor::Tensor& weights) override;
  void do_matmul_experts(const tensor::Tensor& x, const tensor::Tensor& w, const tensor::Tensor& experts,
                         const tensor::Tensor& out, tensor::Phase phase) override;
  void do_combine_experts(const tensor::Tensor& x, const tensor::Tensor& weights,
                          const tensor::Tensor& out) override;
  void do_take_rows(const tensor::Tensor& x, std::span<const int32_t> rows,
                    const tensor::Tensor& out) override;
  void do_soft_cap(const tensor::Tensor& x, float cap) override;
  void do_gate_by_sigmoid(const tensor::Tensor& x, const tensor::Tensor& gate) override;
  void do_clamped_swiglu(const tensor::Tensor& gate, const tensor::Tensor& up, float limit) override;
  void do_add_expert_bias(const tensor::Tensor& x, const tensor::Tensor& bias,
                          const tensor::Tensor& experts) override;
  void do_copy_columns(const tensor::Tensor& from, int64_t from_first, const tensor::Tensor& to,
                       int64_t to_first, int64_t count) override;
  void do_gather_columns(const tensor::Tensor& x, const tensor::Tensor& columns,
                         const tensor::Tensor& out) override;
  void do_matmul_heads(const tensor::Tensor& x, const tensor::Tensor& w, const tensor::Tensor& out) override;
  void do_causal_conv(const tensor::Tensor& x, const tensor::Tensor& weight,
                      const tensor::RecurrentState& state, std::span<const tensor::SequenceRows> sequences,
                      const tensor::Tensor& out) override;
  void do_gated_delta_rule(const tensor::DeltaRuleInputs& inputs, const tensor::RecurrentState& state,
                           std::span<const tensor::SequenceRows> sequences,
                           const tensor::Tensor& out) override;
};

// Row `row` of a matrix of any supported type.
inline const std::byte* row_of(const tensor::Tensor& matrix, int64_t row) {
  const auto stride = *tensor::row_bytes(matrix.dtype, static_cast<uint64_t>(matrix.shape.back()));
  return matrix.as<std::byte>() + static_cast<uint64_t>(row) * stride;
}

}  // namespace hearth::cpu
