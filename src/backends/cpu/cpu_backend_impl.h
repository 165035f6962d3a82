// Shapes, threads and scratch memory around a table of kernels. One file per op.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "backends/cpu/attention_call.h"
#include "backends/cpu/dispatch.h"
#include "backends/cpu/host_backend.h"
#include "base/cpu.h"
#include "base/thread_pool.h"

namespace hearth::cpu {

inline size_t round_up_64(size_t bytes) {
  return (bytes + 63) / 64 * 64;
}

// Whether rounding to bf16 takes nothing away that weights of a type meant: the steps of quantised ones are
// coarser.
inline bool fits_bf16(tensor::DType dtype) {
  return dtype != tensor::DType::kF32 && dtype != tensor::DType::kF16;
}

// Memory that grows and is used again: its contents last until the next take().
class Scratch {
 public:
  void* take(size_t size_bytes);  // aligned to 64 bytes

 private:
  struct Free {
    void operator()(std::byte* p) const noexcept;
  };
  std::unique_ptr<std::byte[], Free> memory_;
  size_t size_bytes_ = 0;
};

// The cosines and sines of a step: every layer turns its q and k by the same angles.
class RopeTable {
 public:
  // Computes them unless the last call had the same arguments.
  void update(std::span<const int32_t> positions, const tensor::RopeArgs& args);
  const float* cosines(int64_t row) const { return cosines_.data() + row * n_pairs_; }
  const float* sines(int64_t row) const { return sines_.data() + row * n_pairs_; }

 private:
  std::vector<int32_t> positions_;
  std::vector<float> inverse_frequencies_;
  float magnitude_ = 0.0F;
  int64_t n_pairs_ = 0;
  std::vector<float> cosines_;
  std::vector<float> sines_;
};

class CpuBackend final : public HostBackend {
 public:
  CpuBackend(Isa isa, const KernelSet& set, int n_threads)
      : isa_(isa),
        kernels_(*set.kernels),
        tiles_(set.tiles),
        bf16_(set.bf16),
        pool_(n_threads),
        thread_scratch_(static_cast<size_t>(n_threads)) {}

  std::string description() const override;

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

 private:
  // body(thread, begin, end) over 0 .. n_items, in multiples of `grain`; on the caller alone where the whole
  // touches so few elements that waking the others would take longer.
  template <typename Body>
  void parallel(int64_t n_items, int64_t grain, int64_t elements_per_item, Body&& body) {
    constexpr int64_t kWorthWaking = 16384;
    if (pool_.size() == 1 || n_items <= grain || n_items * elements_per_item < kWorthWaking) {
      body(0, int64_t{0}, n_items);
      return;
    }
    pool_.run([&](int thread) {
      const Range range = split_range(n_items, grain, thread, pool_.size());
      if (range.begin < range.end) body(thread, range.begin, range.end);
    });
  }

  // body(thread, item) for each of n_items, which threads take one after the other: for items of unequal
  // size.
  template <typename Body>
  void parallel_in_turn(int64_t n_items, Body&& body) {
    std::atomic<int64_t> next{0};
    const auto take_turns = [&](int thread) {
      for (int64_t i = next.fetch_add(1, std::memory_order_relaxed); i < n_items;
           i = next.fetch_add(1, std::memory_order_relaxed)) {
        body(thread, i);
      }
    };
    if (n_items == 1) {
      take_turns(0);
    } else {
      pool_.run(take_turns);
    }
  }

  const ActivationKernels& kernels_of(tensor::Activation activation) const;

  // Rounds the rows of x for weights of `block` elements to a scale; the result stands in scratch_.
  QuantizedRows quantize_rows(const tensor::Tensor& x, int64_t block);

  void attend_in_bf16(const AttentionCall& call, std::span<const tensor::SequenceRows* const> sequences);
  void attend_by_stretches(const AttentionCall& call, std::span<const tensor::SequenceRows* const> sequences);

  void matmul_bf16(const tensor::Tensor& x, const tensor::Tensor& w, const tensor::Tensor& out);

  // For weights of a type that the set has no kernel for: rows are dequantised to F32, some at a time.
  void matmul_dequantized(const tensor::Tensor& x, const tensor::Tensor& w, const tensor::Tensor& out);

  const Isa isa_;
  const Kernels& kernels_;
  const std::array<const TileKernels*, 2> tiles_;
  const Bf16Kernels* const bf16_;
  ThreadPool pool_;
  Scratch scratch_;         // quantised activations, attention states
  Scratch expert_scratch_;  // activations and products of one expert
  Scratch packed_scratch_;  // activations in tile order
  std::vector<Scratch> thread_scratch_;
  RopeTable rope_table_;
};

}  // namespace hearth::cpu
