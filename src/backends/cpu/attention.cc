// Attention as independent tasks: some tokens of a sequence, one KV head, one stretch of positions. Stretches
// are cut at fixed positions and their states merged in order, so that neither the number of threads nor the
// other rows of the step change a bit.
#include <algorithm>
#include <cmath>

#include "backends/cpu/cpu_backend_impl.h"

namespace hearth::cpu {
namespace {

using tensor::PagedKv;
using tensor::SequenceRows;
using tensor::Tensor;

constexpr int64_t kStretch = 16 * kAttentionChunk;
// Query rows that share one expansion of keys and values.
constexpr int64_t kRowsPerTask = 32;

struct Task {
  const SequenceRows* sequence;
  int64_t first_token;
  int64_t n_tokens;
  int64_t kv_head;
  int64_t stretch;
  int64_t state_row;  // where its states begin
};

// Merges `from` into `into`, both [v_head_dim + 2] as AttentionTask::state. Online softmax as in kernels.h.
void merge_states(const float* from, int64_t v_head_dim, float* into) {
  if (std::isinf(from[v_head_dim])) return;  // it saw nothing
  const float largest = std::max(from[v_head_dim], into[v_head_dim]);
  const float from_scale = std::exp(from[v_head_dim] - largest);
  const float into_scale = std::exp(into[v_head_dim] - largest);
  for (int64_t i = 0; i < v_head_dim; ++i) into[i] = into[i] * into_scale + from[i] * from_scale;
  into[v_head_dim + 1] = into[v_head_dim + 1] * into_scale + from[v_head_dim + 1] * from_scale;
  into[v_head_dim] = largest;
}

// The stretch in which the window of a position begins.
int64_t first_stretch(int64_t position, int64_t window) {
  return window == 0 ? 0 : std::max<int64_t>(0, position + 1 - window) / kStretch;
}

ExpandRow expand_for(const ExpandKernels& kernels, tensor::DType dtype) {
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

int64_t count_stretches(const SequenceRows& sequence, int64_t end_token) {
  return (sequence.start_position + end_token + kStretch - 1) / kStretch;
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

void CpuBackend::do_attention(const Tensor& q, const PagedKv& cache, std::span<const SequenceRows> sequences,
                              const tensor::AttentionArgs& args, const Tensor& out) {
  const int64_t n_heads = q.shape[1];
  const int64_t n_kv_heads = cache.k.shape[1];
  const int64_t group = n_heads / n_kv_heads;
  const int64_t head_dim = cache.k.shape[3];
  const int64_t v_head_dim = cache.v.shape[3];
  const int64_t state_size = v_head_dim + 2;
  const int64_t tokens_per_task = std::max<int64_t>(1, kRowsPerTask / group);
  const size_t scratch_bytes =
      static_cast<size_t>(kAttentionChunk * (head_dim + std::max(head_dim, v_head_dim))) * sizeof(float);

  const auto run_task = [&](const Task& task, int thread, float* state) {
    const SequenceRows& sequence = *task.sequence;
    AttentionTask kernel_task{};
    kernel_task.q =
        q.f32() + ((sequence.first_row + task.first_token) * n_heads + task.kv_head * group) * head_dim;
    kernel_task.q_token_stride = n_heads * head_dim;
    kernel_task.n_tokens = task.n_tokens;
    kernel_task.group = group;
    kernel_task.first_position = sequence.start_position + task.first_token;
    kernel_task.k = cache.k.data;
    kernel_task.v = cache.v.data;
    kernel_task.k_row_bytes = cache_row_bytes(cache.k);
    kernel_task.v_row_bytes = cache_row_bytes(cache.v);
    kernel_task.expand_k = expand_for(kernels_.expand, cache.k.dtype);
    kernel_task.expand_v = expand_for(kernels_.expand, cache.v.dtype);
    kernel_task.block_table = sequence.block_table.data();
    kernel_task.block_tokens = cache.k.shape[2];
    kernel_task.n_kv_heads = n_kv_heads;
    kernel_task.kv_head = task.kv_head;
    kernel_task.head_dim = head_dim;
    kernel_task.v_head_dim = v_head_dim;
    kernel_task.begin = task.stretch * kStretch;
    kernel_task.end = (task.stretch + 1) * kStretch;
    kernel_task.scale = args.scale;
    kernel_task.soft_cap = args.soft_cap;
    kernel_task.window = args.window;
    kernel_task.visible_end = args.causal ? 0 : sequence.start_position + sequence.n_tokens;
    kernel_task.state = state;
    kernel_task.scratch =
        static_cast<float*>(thread_scratch_[static_cast<size_t>(thread)].take(scratch_bytes));
    kernels_.attention(kernel_task);
  };
  const auto write_row = [&](const Task& task, int64_t row, const float* state) {
    const int64_t token = task.sequence->first_row + task.first_token + row / group;
    const int64_t head = task.kv_head * group + row % group;
    float* to = out.f32() + (token * n_heads + head) * v_head_dim;
    const float* sink = args.sinks.data != nullptr ? args.sinks.f32() + head : nullptr;
    const float inverse = inverse_sum(state[v_head_dim], state[v_head_dim + 1], sink);
    for (int64_t i = 0; i < v_head_dim; ++i) to[i] = state[i] * inverse;
  };

  // One task per stretch; those of the same tokens and head stand together.
  std::vector<Task> tasks;
  std::vector<size_t> first_tasks;  // of each run of stretches
  int64_t n_state_rows = 0;
  int64_t elements = 0;
  for (const SequenceRows& sequence : sequences) {
    for (int64_t token = 0; token < sequence.n_tokens; token += tokens_per_task) {
      const int64_t n_tokens = std::min(tokens_per_task, sequence.n_tokens - token);
      for (int64_t head = 0; head < n_kv_heads; ++head) {
        first_tasks.push_back(tasks.size());
        const int64_t first = first_stretch(sequence.start_position + token, args.window);
        const int64_t end_token = args.causal ? token + n_tokens : sequence.n_tokens;
        for (int64_t s = first; s < count_stretches(sequence, end_token); ++s) {
          tasks.push_back({&sequence, token, n_tokens, head, s, n_state_rows});
          n_state_rows += n_tokens * group;
          elements += n_tokens * group * std::min(kStretch, sequence.start_position + end_token) * head_dim;
        }
      }
    }
  }
  if (tasks.empty()) return;
  first_tasks.push_back(tasks.size());
  auto* states =
      static_cast<float*>(scratch_.take(static_cast<size_t>(n_state_rows * state_size) * sizeof(float)));
  const auto n_tasks = static_cast<int64_t>(tasks.size());
  parallel(n_tasks, 1, elements / n_tasks, [&](int thread, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Task& task = tasks[static_cast<size_t>(i)];
      run_task(task, thread, states + task.state_row * state_size);
    }
  });
  const auto n_runs = static_cast<int64_t>(first_tasks.size()) - 1;
  parallel(n_runs, 1, n_state_rows * state_size / n_runs, [&](int, int64_t begin, int64_t end) {
    for (int64_t run = begin; run < end; ++run) {
      const Task& first = tasks[first_tasks[static_cast<size_t>(run)]];
      for (int64_t row = 0; row < first.n_tokens * group; ++row) {
        float* state = states + (first.state_row + row) * state_size;
        for (size_t t = first_tasks[static_cast<size_t>(run)] + 1;
             t < first_tasks[static_cast<size_t>(run) + 1]; ++t) {
          merge_states(states + (tasks[t].state_row + row) * state_size, v_head_dim, state);
        }
        write_row(first, row, state);
      }
    }
  });
}

}  // namespace hearth::cpu
