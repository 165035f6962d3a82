#include "backends/cpu/attention_call.h"

#include <algorithm>
#include <cmath>

#include "backends/cpu/host_backend.h"
#include "base/check.h"

namespace hearth::cpu {
namespace {

using tensor::SequenceRows;
using tensor::Tensor;

ExpandKernel expand_for(const ExpandKernels& kernels, tensor::DType dtype) {
  switch (dtype) {
    case tensor::DType::kF32:
      return kernels.f32;
    case tensor::DType::kBF16:
      return kernels.bf16;
    case tensor::DType::kQ8_0:
      return kernels.q8_0;
    case tensor::DType::kQ4_0:
      return kernels.q4_0;
    default:
      HEARTH_CHECK(dtype == tensor::DType::kF16);
      return kernels.f16;
  }
}

// What the weighted sum of values is multiplied by in the end. A sink takes its share of the softmax and
// gives no value.
float inverse_sum(float largest, float sum, const float* sink) {
  if (sink == nullptr) return 1.0F / sum;
  const float top = std::max(largest, *sink);
  const float kept = std::exp(largest - top);
  return kept / (sum * kept + std::exp(*sink - top));
}

}  // namespace

AttentionCall::AttentionCall(const ExpandKernels& kernels, const Tensor& q, const tensor::PagedKv& cache,
                             const tensor::AttentionArgs& args, const Tensor& out)
    : q_(q),
      cache_(cache),
      args_(args),
      out_(out),
      n_heads_(q.shape[1]),
      n_kv_heads_(cache.k.shape[1]),
      expand_k_(expand_for(kernels, cache.k.dtype)),
      expand_v_(expand_for(kernels, cache.v.dtype)) {}

int64_t AttentionCall::visible_end(const SequenceRows& sequence, int64_t end_token) const {
  return sequence.start_position + (args_.causal ? end_token : sequence.n_tokens);
}

AttentionTask AttentionCall::task(const QueryRows& rows) const {
  const SequenceRows& sequence = *rows.sequence;
  AttentionTask task{};
  task.q =
      q_.f32() + ((sequence.first_row + rows.first_token) * n_heads_ + rows.kv_head * group()) * head_dim();
  task.q_token_stride = n_heads_ * head_dim();
  task.n_tokens = rows.n_tokens;
  task.group = group();
  task.first_position = sequence.start_position + rows.first_token;
  task.k = cache_.k.data;
  task.v = cache_.v.data;
  task.k_row_bytes = cache_row_bytes(cache_.k);
  task.v_row_bytes = cache_row_bytes(cache_.v);
  task.expand_k = expand_k_;
  task.expand_v = expand_v_;
  task.block_table = sequence.block_table.data();
  task.block_tokens = cache_.k.shape[2];
  task.n_kv_heads = n_kv_heads_;
  task.kv_head = rows.kv_head;
  task.head_dim = head_dim();
  task.v_head_dim = v_head_dim();
  task.scale = args_.scale;
  task.soft_cap = args_.soft_cap;
  task.window = args_.window;
  task.visible_end = args_.causal ? 0 : sequence.start_position + sequence.n_tokens;
  return task;
}

void AttentionCall::write(const QueryRows& rows, int64_t row, const float* state) const {
  const int64_t token = rows.sequence->first_row + rows.first_token + row / group();
  const int64_t head = rows.kv_head * group() + row % group();
  float* to = out_.f32() + (token * n_heads_ + head) * v_head_dim();
  const float* sink = args_.sinks.data != nullptr ? args_.sinks.f32() + head : nullptr;
  const float inverse = inverse_sum(state[v_head_dim()], state[v_head_dim() + 1], sink);
  for (int64_t i = 0; i < v_head_dim(); ++i) to[i] = state[i] * inverse;
}

}  // namespace hearth::cpu
