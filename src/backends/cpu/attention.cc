// Attention as independent tasks: some tokens of a sequence and one KV head, over one stretch of positions
// or, in bf16, over all that they see. Neither the number of threads nor the other rows of the step change a
// bit.
#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "backends/cpu/attention_call.h"
#include "backends/cpu/cpu_backend_impl.h"

namespace hearth::cpu {
namespace {

using tensor::PagedKv;
using tensor::SequenceRows;
using tensor::Tensor;

constexpr int64_t kStretch = 16 * kAttentionChunk;
// Query rows that share one expansion of keys and values.
constexpr int64_t kRowsPerTask = 32;
// The same in bf16, where as many more share one rounding and transposition; fewer where threads would have
// nothing to do, down to those that are multiplied together.
constexpr int64_t kMostRowsPerBf16Task = 256;
constexpr int64_t kFewestRowsPerBf16Task = 32;
constexpr int64_t kTasksPerThread = 4;

struct StretchTask {
  QueryRows rows;
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

}  // namespace

void CpuBackend::do_attention(const Tensor& q, const PagedKv& cache, std::span<const SequenceRows> sequences,
                              const tensor::AttentionArgs& args, const Tensor& out) {
  const AttentionCall call(kernels_.expand, q, cache, args, out);
  std::vector<const SequenceRows*> in_bf16;
  std::vector<const SequenceRows*> others;
  for (const SequenceRows& sequence : sequences) {
    const bool reads = sequence.phase == tensor::Phase::kPrefill;
    (reads && bf16_ != nullptr && fits_bf16(args.weights) ? in_bf16 : others).push_back(&sequence);
  }
  attend_in_bf16(call, in_bf16);
  attend_by_stretches(call, others);
}

void CpuBackend::attend_in_bf16(const AttentionCall& call, std::span<const SequenceRows* const> sequences) {
  int64_t n_rows = 0;
  for (const SequenceRows* sequence : sequences) n_rows += sequence->n_tokens * call.n_heads();
  if (n_rows == 0) return;
  const int64_t rows_per_task =
      std::clamp(n_rows / (kTasksPerThread * pool_.size()), kFewestRowsPerBf16Task, kMostRowsPerBf16Task);
  const int64_t tokens_per_task = std::max<int64_t>(1, rows_per_task / call.group());

  std::vector<QueryRows> tasks;
  for (const SequenceRows* sequence : sequences) {
    for (int64_t token = 0; token < sequence->n_tokens; token += tokens_per_task) {
      const int64_t n_tokens = std::min(tokens_per_task, sequence->n_tokens - token);
      for (int64_t head = 0; head < call.n_kv_heads(); ++head)
        tasks.push_back({sequence, token, n_tokens, head});
    }
  }
  // Those that see most first, so that no thread begins a long one at the end.
  std::ranges::stable_sort(tasks, std::greater(), [&](const QueryRows& rows) {
    return call.visible_end(*rows.sequence, rows.first_token + rows.n_tokens);
  });

  const int64_t most_rows = tokens_per_task * call.group();
  const size_t state_bytes =
      round_up_64(static_cast<size_t>(most_rows * call.state_floats()) * sizeof(float));
  const size_t scratch_bytes = bf16_->attention_scratch_bytes(most_rows, call.head_dim(), call.v_head_dim());
  parallel_in_turn(static_cast<int64_t>(tasks.size()), [&](int thread, int64_t i) {
    const QueryRows& rows = tasks[static_cast<size_t>(i)];
    auto* memory = static_cast<std::byte*>(
        thread_scratch_[static_cast<size_t>(thread)].take(state_bytes + scratch_bytes));
    AttentionTask task = call.task(rows);
    task.end = call.visible_end(*rows.sequence, rows.first_token + rows.n_tokens);
    task.state = reinterpret_cast<float*>(memory);
    task.scratch = reinterpret_cast<float*>(memory + state_bytes);
    bf16_->attention(task);
    for (int64_t row = 0; row < rows.n_tokens * call.group(); ++row)
      call.write(rows, row, task.state + row * call.state_floats());
  });
}

// Stretches are cut at fixed positions and their states merged in order.
void CpuBackend::attend_by_stretches(const AttentionCall& call,
                                     std::span<const SequenceRows* const> sequences) {
  const int64_t group = call.group();
  const int64_t head_dim = call.head_dim();
  const int64_t v_head_dim = call.v_head_dim();
  const int64_t state_size = call.state_floats();
  const int64_t tokens_per_task = std::max<int64_t>(1, kRowsPerTask / group);
  const size_t scratch_bytes =
      static_cast<size_t>(kAttentionChunk * (head_dim + std::max(head_dim, v_head_dim))) * sizeof(float);

  // One task per stretch; those of the same tokens and head stand together.
  std::vector<StretchTask> tasks;
  std::vector<size_t> first_tasks;  // of each run of stretches
  int64_t n_state_rows = 0;
  int64_t elements = 0;
  for (const SequenceRows* sequence : sequences) {
    for (int64_t token = 0; token < sequence->n_tokens; token += tokens_per_task) {
      const int64_t n_tokens = std::min(tokens_per_task, sequence->n_tokens - token);
      const int64_t end = call.visible_end(*sequence, token + n_tokens);
      for (int64_t head = 0; head < call.n_kv_heads(); ++head) {
        first_tasks.push_back(tasks.size());
        for (int64_t s = first_stretch(sequence->start_position + token, call.window()); s * kStretch < end;
             ++s) {
          tasks.push_back({{sequence, token, n_tokens, head}, s, n_state_rows});
          n_state_rows += n_tokens * group;
          elements += n_tokens * group * std::min(kStretch, end) * head_dim;
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
    auto* scratch = static_cast<float*>(thread_scratch_[static_cast<size_t>(thread)].take(scratch_bytes));
    for (int64_t i = begin; i < end; ++i) {
      const StretchTask& stretch = tasks[static_cast<size_t>(i)];
      AttentionTask task = call.task(stretch.rows);
      task.begin = stretch.stretch * kStretch;
      task.end = task.begin + kStretch;
      task.state = states + stretch.state_row * state_size;
      task.scratch = scratch;
      kernels_.attention(task);
    }
  });
  const auto n_runs = static_cast<int64_t>(first_tasks.size()) - 1;
  parallel(n_runs, 1, n_state_rows * state_size / n_runs, [&](int, int64_t begin, int64_t end) {
    for (int64_t run = begin; run < end; ++run) {
      const StretchTask& first = tasks[first_tasks[static_cast<size_t>(run)]];
      for (int64_t row = 0; row < first.rows.n_tokens * group; ++row) {
        float* state = states + (first.state_row + row) * state_size;
        for (size_t t = first_tasks[static_cast<size_t>(run)] + 1;
             t < first_tasks[static_cast<size_t>(run) + 1]; ++t) {
          merge_states(states + (tasks[t].state_row + row) * state_size, v_head_dim, state);
        }
        call.write(first.rows, row, state);
      }
    }
  });
}

}  // namespace hearth::cpu
