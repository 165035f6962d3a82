// Attention of a few query rows over a range of one KV head's cache, for any vector type F (see
// elementwise-inl.h). Online softmax: arXiv:2205.14135, algorithm 1, one update per kAttentionChunk
// positions.

namespace hearth::cpu::HEARTH_ISA {
namespace {

// The first position that a row of the task sees, if it has a window.
inline int64_t first_visible(const AttentionTask& task) {
  return task.window == 0 ? 0 : task.first_position + 1 - task.window;
}

// Expands the rows of `count` positions to [count, dim]. Those that no row of the task sees become zeros:
// their block may be gone from the cache.
inline void expand_chunk(const void* cache, int64_t row_bytes, ExpandRow expand, int64_t dim,
                         const AttentionTask& task, int64_t position, int64_t count, float* out) {
  const int64_t n_unseen = first_visible(task) - position;
  for (int64_t t = 0; t < count; ++t, out += dim) {
    if (t < n_unseen) {
      for (int64_t i = 0; i < dim; ++i) out[i] = 0.0F;
      continue;
    }
    const int64_t block = task.block_table[(position + t) / task.block_tokens];
    const int64_t slot = (position + t) % task.block_tokens;
    const int64_t row = (block * task.n_kv_heads + task.kv_head) * task.block_tokens + slot;
    expand(static_cast<const char*>(cache) + row * row_bytes, dim, out);
  }
}

inline float dot(const float* a, const float* b, int64_t n) {
  F sum = zero();
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) sum = fma(load(a + i), load(b + i), sum);
  if (i < n) sum = fma(load_partial(a + i, n - i), load_partial(b + i, n - i), sum);
  return reduce_add(sum);
}

// sums = sums * decay + sum_t weights[t] * values[t, :], for kVectors vectors of a row of values.
template <int kVectors>
inline void accumulate_values(const float* weights, int64_t count, const float* values, int64_t stride,
                              float decay, float* sums) {
  F acc[kVectors];
  for (int j = 0; j < kVectors; ++j) acc[j] = mul(load(sums + j * kLanes), broadcast(decay));
  for (int64_t t = 0; t < count; ++t) {
    const F weight = broadcast(weights[t]);
    for (int j = 0; j < kVectors; ++j) acc[j] = fma(weight, load(values + t * stride + j * kLanes), acc[j]);
  }
  for (int j = 0; j < kVectors; ++j) store(sums + j * kLanes, acc[j]);
}

inline void accumulate_all_values(const float* weights, int64_t count, const float* values, int64_t dim,
                                  int64_t stride, float decay, float* sums) {
  int64_t i = 0;
  for (; i + 4 * kLanes <= dim; i += 4 * kLanes) {
    accumulate_values<4>(weights, count, values + i, stride, decay, sums + i);
  }
  for (; i + kLanes <= dim; i += kLanes) {
    accumulate_values<1>(weights, count, values + i, stride, decay, sums + i);
  }
  if (i < dim) {
    F acc = mul(load_partial(sums + i, dim - i), broadcast(decay));
    for (int64_t t = 0; t < count; ++t) {
      acc = fma(broadcast(weights[t]), load_partial(values + t * stride + i, dim - i), acc);
    }
    store_partial(sums + i, acc, dim - i);
  }
}

inline void cap_scores(float cap, float* scores) {
  for (int64_t t = 0; t < kAttentionChunk; t += kLanes) {
    store(scores + t, mul(broadcast(cap), tanh(div(load(scores + t), broadcast(cap)))));
  }
}

// What stands in scratch of a chunk's positions.
struct ExpandedChunk {
  const float* keys;    // rows of task.head_dim
  const float* values;  // rows of value_stride, of which task.v_head_dim elements are meant
  int64_t value_stride;
};

// One query row sees positions first .. count - 1 more of a chunk.
inline void attend_chunk(const AttentionTask& task, const float* q, int64_t first, int64_t count,
                         const ExpandedChunk& chunk, float* state) {
  float scores[kAttentionChunk] = {};
  for (int64_t t = first; t < count; ++t)
    scores[t] = dot(q, chunk.keys + t * task.head_dim, task.head_dim) * task.scale;
  if (task.soft_cap != 0.0F) cap_scores(task.soft_cap, scores);
  for (int64_t t = 0; t < first; ++t) scores[t] = -__builtin_inff();
  for (int64_t t = count; t < kAttentionChunk; ++t) scores[t] = -__builtin_inff();
  float& largest = state[task.v_head_dim];
  float& sum = state[task.v_head_dim + 1];
  F new_largest = broadcast(largest);
  for (int64_t t = 0; t < kAttentionChunk; t += kLanes) new_largest = max(new_largest, load(scores + t));
  const float shift = reduce_max(new_largest);
  F weights = zero();
  for (int64_t t = 0; t < kAttentionChunk; t += kLanes) {
    const F weight = exp(sub(load(scores + t), broadcast(shift)));
    weights = add(weights, weight);
    store(scores + t, weight);
  }
  float decays[kLanes];
  store(decays, exp(broadcast(largest - shift)));
  accumulate_all_values(scores, count, chunk.values, task.v_head_dim, chunk.value_stride, decays[0], state);
  sum = sum * decays[0] + reduce_add(weights);
  largest = shift;
}

// Where the window of the task's first token begins, or the task's range.
inline int64_t first_visible_chunk(const AttentionTask& task) {
  const int64_t visible = first_visible(task);
  return visible > task.begin ? visible / kAttentionChunk * kAttentionChunk : task.begin;
}

void attention_kernel(const AttentionTask& task) noexcept {
  const int64_t state_size = task.v_head_dim + 2;
  for (int64_t row = 0; row < task.n_tokens * task.group; ++row) {
    float* state = task.state + row * state_size;
    for (int64_t i = 0; i < state_size; ++i) state[i] = 0.0F;
    state[task.v_head_dim] = -__builtin_inff();
  }
  float* keys = task.scratch;
  float* values = task.scratch + kAttentionChunk * task.head_dim;
  const bool values_in_keys = task.v == nullptr;
  const ExpandedChunk chunk{keys, values_in_keys ? keys : values,
                            values_in_keys ? task.head_dim : task.v_head_dim};
  // Of the last token.
  const int64_t last_limit = task.visible_end > 0 ? task.visible_end : task.first_position + task.n_tokens;
  const int64_t end = task.end < last_limit ? task.end : last_limit;
  for (int64_t position = first_visible_chunk(task); position < end; position += kAttentionChunk) {
    const int64_t chunk_end = position + kAttentionChunk < end ? position + kAttentionChunk : end;
    const int64_t n_positions = chunk_end - position;
    expand_chunk(task.k, task.k_row_bytes, task.expand_k, task.head_dim, task, position, n_positions, keys);
    if (!values_in_keys) {
      expand_chunk(task.v, task.v_row_bytes, task.expand_v, task.v_head_dim, task, position, n_positions,
                   values);
    }
    for (int64_t token = 0; token < task.n_tokens; ++token) {
      const int64_t limit = task.visible_end > 0 ? task.visible_end : task.first_position + token + 1;
      const int64_t count = (limit < chunk_end ? limit : chunk_end) - position;
      const int64_t unseen = task.window > 0 ? limit - task.window - position : 0;
      const int64_t first = unseen > 0 ? unseen : 0;
      if (first >= count) continue;
      for (int64_t head = 0; head < task.group; ++head) {
        attend_chunk(task, task.q + token * task.q_token_stride + head * task.head_dim, first, count, chunk,
                     task.state + (token * task.group + head) * state_size);
      }
    }
  }
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
