// One call of Backend::attention in terms of the kernels' tasks.
#pragma once

#include "backends/cpu/kernels.h"
#include "tensor/backend.h"

namespace hearth::cpu {

// Query heads of one KV head, of neighbouring tokens of a sequence: rows (token, head of the group).
struct QueryRows {
  const tensor::SequenceRows* sequence;
  int64_t first_token;  // of the sequence's in this step
  int64_t n_tokens;
  int64_t kv_head;
};

// Refers to its arguments, which must outlive it. Thread-safe: the rows of a task are written by one thread.
class AttentionCall {
 public:
  AttentionCall(const ExpandKernels& kernels, const tensor::Tensor& q, const tensor::PagedKv& cache,
                const tensor::AttentionArgs& args, const tensor::Tensor& out);

  int64_t n_heads() const { return n_heads_; }
  int64_t n_kv_heads() const { return n_kv_heads_; }
  int64_t group() const { return n_heads_ / n_kv_heads_; }
  int64_t head_dim() const { return cache_.k.shape[3]; }
  int64_t v_head_dim() const { return cache_.v.shape[3]; }
  int64_t state_floats() const { return v_head_dim() + 2; }  // of a row
  int64_t window() const { return args_.window; }

  // Where the positions end that these tokens see.
  int64_t visible_end(const tensor::SequenceRows& sequence, int64_t end_token) const;

  // The kernels' task for these rows; its range, state and scratch memory are the caller's to fill in.
  AttentionTask task(const QueryRows& rows) const;

  // Writes one of these rows from its final state.
  void write(const QueryRows& rows, int64_t row, const float* state) const;

 private:
  const tensor::Tensor& q_;
  const tensor::PagedKv& cache_;
  const tensor::AttentionArgs& args_;
  const tensor::Tensor& out_;
  const int64_t n_heads_;
  const int64_t n_kv_heads_;
  const ExpandKernel expand_k_;
  const ExpandKernel expand_v_;
};

}  // namespace hearth::cpu
