// Attention of a few query rows over a range of one KV head's cache, for any vector type F (see
// elementwise-inl.h). Online softmax: arXiv:2205.14135, algorithm 1, one update per kAttentionChunk
// positions.

namespace hearth::cpu::HEARTH_ISA {
namespace {

// Expands the rows of `count` positions to [count, dim]. Those that no row of the task sees become zeros:
// their block may be gone from the cache.
inline void expand_chunk(const void* cache, int64_t row_bytes, ExpandRow expand, int64_t dim,
                         const AttentionTask& task, int64_t position, int64_t count, float* out) {
  const int64_t n_unseen = visible_positions(task, 0).begin - position;
  for (int64_t t = 0; t < count; ++t, out += dim) {
    if (t < n_unseen) {
      for (int64_t i = 0; i < dim; ++i) out[i] = 0.0F;
      continue;
    }
    expand(cache_row(task, cache, row_bytes, position + t), dim, out);
  }
}

// Query rows whose scores are computed together: their sums take eight registers.
constexpr int kChunkVectors = kAttentionChunk / kLanes;
constexpr int kScoreRows = kChunkVectors < 8 ? 8 / kChunkVectors : 1;

// Turns keys [kAttentionChunk, dim] into columns [dim, kAttentionChunk].
inline void transpose_chunk(const float* rows, int64_t dim, float* columns) {
  for (int64_t t = 0; t < kAttentionChunk; t += kLanes) {
    int64_t i = 0;
    for (; i + kLanes <= dim; i += kLanes) {
      F m[kLanes];
      for (int r = 0; r < kLanes; ++r) m[r] = load(rows + (t + r) * dim + i);
      transpose(m);
      for (int c = 0; c < kLanes; ++c) store(columns + (i + c) * kAttentionChunk + t, m[c]);
    }
    for (; i < dim; ++i) {
      for (int64_t r = 0; r < kLanes; ++r) columns[i * kAttentionChunk + t + r] = rows[(t + r) * dim + i];
    }
  }
}

// scores[r, t] = q_r . k_t for kRows query rows and every position of a chunk, a position per lane: nothing
// is added across lanes, and a score is the same sum whatever stands beside it.
template <int kRows>
inline void score_chunk(const float* const (&q)[kRows], const float* columns, int64_t dim,
                        float (*scores)[kAttentionChunk]) {
  F sums[kRows][kChunkVectors];
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kChunkVectors; ++v) sums[r][v] = zero();
  }
  for (int64_t i = 0; i < dim; ++i) {
    for (int r = 0; r < kRows; ++r) {
      const F x = broadcast(q[r][i]);
      for (int v = 0; v < kChunkVectors; ++v) {
        sums[r][v] = fma(x, load(columns + i * kAttentionChunk + v * kLanes), sums[r][v]);
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kChunkVectors; ++v) store(scores[r] + v * kLanes, sums[r][v]);
  }
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
  for (; i + 8 * kLanes <= dim; i += 8 * kLanes) {
    accumulate_values<8>(weights, count, values + i, stride, decay, sums + i);
  }
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
  const float* key_columns;  // [task.head_dim, kAttentionChunk]
  const float* values;       // rows of value_stride, of which task.v_head_dim elements are meant
  int64_t value_stride;
};

// One query row sees positions first .. count - 1 more of a chunk, and has these scores there, not yet
// scaled.
inline void attend_chunk(const AttentionTask& task, float* scores, int64_t first, int64_t count,
                         const ExpandedChunk& chunk, float* state) {
  for (int64_t t = 0; t < kAttentionChunk; t += kLanes)
    store(scores + t, mul(load(scores + t), broadcast(task.scale)));
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
  const int64_t visible = visible_positions(task, 0).begin;
  return visible > task.begin ? visible / kAttentionChunk * kAttentionChunk : task.begin;
}

// A query row and what it sees of a chunk.
struct ChunkRow {
  const float* q;
  float* state;
  int64_t first;
  int64_t count;
};

template <int kRows>
inline void attend_rows(const AttentionTask& task, const ChunkRow* rows, const ExpandedChunk& chunk) {
  const float* q[kRows];
  for (int r = 0; r < kRows; ++r) q[r] = rows[r].q;
  alignas(64) float scores[kRows][kAttentionChunk];
  score_chunk<kRows>(q, chunk.key_columns, task.head_dim, scores);
  for (int r = 0; r < kRows; ++r) {
    attend_chunk(task, scores[r], rows[r].first, rows[r].count, chunk, rows[r].state);
  }
}

// All query rows that see something of the positions from `position` to `chunk_end`.
inline void attend_all(const AttentionTask& task, int64_t position, int64_t chunk_end,
                       const ExpandedChunk& chunk) {
  ChunkRow rows[kScoreRows];
  int n_rows = 0;
  for (int64_t token = 0; token < task.n_tokens; ++token) {
    const Positions visible = visible_positions(task, token);
    const int64_t count = (visible.end < chunk_end ? visible.end : chunk_end) - position;
    const int64_t first = visible.begin > position ? visible.begin - position : 0;
    if (first >= count) continue;
    for (int64_t head = 0; head < task.group; ++head) {
      rows[n_rows++] = {task.q + token * task.q_token_stride + head * task.head_dim,
                        task.state + (token * task.group + head) * (task.v_head_dim + 2), first, count};
      if (n_rows < kScoreRows) continue;
      attend_rows<kScoreRows>(task, rows, chunk);
      n_rows = 0;
    }
  }
  for (int r = 0; r < n_rows; ++r) attend_rows<1>(task, rows + r, chunk);
}

void attention_kernel(const AttentionTask& task) noexcept {
  const int64_t state_size = task.v_head_dim + 2;
  for (int64_t row = 0; row < task.n_tokens * task.group; ++row) {
    float* state = task.state + row * state_size;
    for (int64_t i = 0; i < state_size; ++i) state[i] = 0.0F;
    state[task.v_head_dim] = -__builtin_inff();
  }
  float* columns = task.scratch;
  float* rows = task.scratch + kAttentionChunk * task.head_dim;
  const bool values_in_keys = task.v == nullptr;
  const ExpandedChunk chunk{columns, rows, values_in_keys ? task.head_dim : task.v_head_dim};
  const int64_t last_seen = visible_positions(task, task.n_tokens - 1).end;
  const int64_t end = task.end < last_seen ? task.end : last_seen;
  for (int64_t position = first_visible_chunk(task); position < end; position += kAttentionChunk) {
    const int64_t chunk_end = position + kAttentionChunk < end ? position + kAttentionChunk : end;
    const int64_t n_positions = chunk_end - position;
    expand_chunk(task.k, task.k_row_bytes, task.expand_k, task.head_dim, task, position, n_positions, rows);
    // What stands beyond the last position is scored too, and then left out.
    for (int64_t i = n_positions * task.head_dim; i < kAttentionChunk * task.head_dim; ++i) rows[i] = 0.0F;
    transpose_chunk(rows, task.head_dim, columns);
    if (!values_in_keys) {
      expand_chunk(task.v, task.v_row_bytes, task.expand_v, task.v_head_dim, task, position, n_positions,
                   rows);
    }
    attend_all(task, position, chunk_end, chunk);
  }
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
