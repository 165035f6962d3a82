// Attention of a few query rows over a range of one KV head's cache, for any vector type F (see
// elementwise-inl.h). Online softmax: arXiv:2205.14135, algorithm 1, one update per kAttentionChunk
// positions.

namespace hearth::cpu::HEARTH_ISA {
namespace {

// Expands the rows of `count` positions to [count, dim]. Those that no row of the task sees become zeros:
// their block may be gone from the cache.
inline void expand_chunk(const void* cache, int64_t row_bytes, ExpandRow expand, int64_t dim,
                         const AttentionTask& task, int64_t position, int64_t count, float* out) {
  const int64_t end = position + count;
  const int64_t first_seen = visible_positions(task, 0).begin;
  for (; position < first_seen && position < end; ++position, out += dim) {
    for (int64_t i = 0; i < dim; ++i) out[i] = 0.0F;
  }
  while (position < end) {
    const CacheRun run = cache_run(task, cache, row_bytes, position, end);
    expand(run.first, run.count * dim, out);
    position += run.count;
    out += run.count * dim;
  }
}

// The rows that are expanded next, to be asked for line by line while scores are computed: all at once they
// would keep the processor from its own loads. Only where they stand one after the other.
struct LinesAhead {
  const char* next[2] = {nullptr, nullptr};  // of keys, of values
  const char* end[2] = {nullptr, nullptr};
  int current = 0;

  void add(const AttentionTask& task, const void* cache, int64_t row_bytes, int64_t position, int64_t count,
           int which) {
    const CacheRun run = cache_run(task, cache, row_bytes, position, position + count);
    next[which] = run.first;
    end[which] = run.first + run.count * row_bytes;
  }
  void ask() {
    if (next[current] >= end[current]) {
      current = 1;
      if (next[1] >= end[1]) return;
    }
    prefetch_l2(next[current]);
    next[current] += 64;
  }
};

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

// Keys of the positions from `position` to chunk_end as columns [dim, kAttentionChunk]. Columns of positions
// that no row sees are any key's; `rows` is scratch memory.
inline void load_key_columns(const AttentionTask& task, int64_t position, int64_t chunk_end, float* rows,
                             float* columns) {
  const int64_t dim = task.head_dim;
  const int64_t count = chunk_end - position;
  if (task.expand_k.sixteen != nullptr && dim % 32 == 0) {
    const int64_t first_seen = visible_positions(task, 0).begin;
    const char* keys[kAttentionChunk];
    int64_t t = position < first_seen ? first_seen - position : 0;
    const int64_t n_unseen = t;
    while (t < count) {
      const CacheRun run = cache_run(task, task.k, task.k_row_bytes, position + t, chunk_end);
      for (int64_t i = 0; i < run.count; ++i) keys[t++] = run.first + i * task.k_row_bytes;
    }
    for (int64_t i = 0; i < n_unseen; ++i) keys[i] = keys[n_unseen];
    for (; t < kAttentionChunk; ++t) keys[t] = keys[count - 1];
    for (t = 0; t < kAttentionChunk; t += 16)
      task.expand_k.sixteen(keys + t, dim, kAttentionChunk, columns + t);
    return;
  }
  expand_chunk(task.k, task.k_row_bytes, task.expand_k.row, dim, task, position, count, rows);
  for (int64_t i = count * dim; i < kAttentionChunk * dim; ++i) rows[i] = 0.0F;
  transpose_chunk(rows, dim, columns);
}

// scores[r, t] = q_r . k_t for kRows query rows and every position of a chunk, a position per lane: nothing
// is added across lanes, and a score is the same sum whatever stands beside it.
template <int kRows>
inline void score_chunk(const float* const (&q)[kRows], const float* columns, int64_t dim,
                        float (*scores)[kAttentionChunk], LinesAhead& ahead) {
  F sums[kRows][kChunkVectors];
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kChunkVectors; ++v) sums[r][v] = zero();
  }
  for (int64_t i = 0; i < dim; ++i) {
    ahead.ask();
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

// The weights of a query row, and the sums of values that it has so far.
struct WeightedRow {
  const float* weights;
  float* sums;
  float decay;  // of the sums, before anything is added
};

// Rows that see the same positions share the loads of the values. 4 x 4 sums, 4 values and a weight are 21
// registers; with sixteen, half as many rows.
constexpr int kValueRows = kLanes == 8 ? 2 : 4;
constexpr int kValueVectors = 4;

// sums = sums * decay + sum_t weights[t] * values[t, :] of kRows rows, for kVectors vectors of a row of
// values. The sums of one row alone wait for themselves: it has more vectors.
template <int kRows, int kVectors>
inline void accumulate_values(const WeightedRow* rows, int64_t count, const float* values, int64_t stride,
                              int64_t at, LinesAhead& ahead) {
  F acc[kRows][kVectors];
  for (int r = 0; r < kRows; ++r) {
    for (int j = 0; j < kVectors; ++j) {
      acc[r][j] = mul(load(rows[r].sums + at + j * kLanes), broadcast(rows[r].decay));
    }
  }
  for (int64_t t = 0; t < count; ++t) {
    ahead.ask();
    ahead.ask();
    F value[kVectors];
    for (int j = 0; j < kVectors; ++j) value[j] = load(values + t * stride + at + j * kLanes);
    for (int r = 0; r < kRows; ++r) {
      const F weight = broadcast(rows[r].weights[t]);
      for (int j = 0; j < kVectors; ++j) acc[r][j] = fma(weight, value[j], acc[r][j]);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int j = 0; j < kVectors; ++j) store(rows[r].sums + at + j * kLanes, acc[r][j]);
  }
}

template <int kRows>
inline void accumulate_all_values(const WeightedRow* rows, int64_t count, const float* values, int64_t dim,
                                  int64_t stride, LinesAhead& ahead) {
  int64_t i = 0;
  if constexpr (kRows == 1) {
    for (; i + 2 * kValueVectors * kLanes <= dim; i += 2 * kValueVectors * kLanes) {
      accumulate_values<1, 2 * kValueVectors>(rows, count, values, stride, i, ahead);
    }
  }
  for (; i + kValueVectors * kLanes <= dim; i += kValueVectors * kLanes) {
    accumulate_values<kRows, kValueVectors>(rows, count, values, stride, i, ahead);
  }
  for (; i + kLanes <= dim; i += kLanes) accumulate_values<kRows, 1>(rows, count, values, stride, i, ahead);
  if (i == dim) return;
  for (int r = 0; r < kRows; ++r) {
    F acc = mul(load_partial(rows[r].sums + i, dim - i), broadcast(rows[r].decay));
    for (int64_t t = 0; t < count; ++t) {
      acc = fma(broadcast(rows[r].weights[t]), load_partial(values + t * stride + i, dim - i), acc);
    }
    store_partial(rows[r].sums + i, acc, dim - i);
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
// scaled. They become weights; returns by how much the largest score so far has grown.
inline float weigh_scores(const AttentionTask& task, float* scores, int64_t first, int64_t count,
                          float* state, F& weights) {
  for (int64_t t = 0; t < kAttentionChunk; t += kLanes)
    store(scores + t, mul(load(scores + t), broadcast(task.scale)));
  if (task.soft_cap != 0.0F) cap_scores(task.soft_cap, scores);
  for (int64_t t = 0; t < first; ++t) scores[t] = -__builtin_inff();
  for (int64_t t = count; t < kAttentionChunk; ++t) scores[t] = -__builtin_inff();
  float& largest = state[task.v_head_dim];
  F new_largest = broadcast(largest);
  for (int64_t t = 0; t < kAttentionChunk; t += kLanes) new_largest = max(new_largest, load(scores + t));
  const float shift = reduce_max(new_largest);
  weights = zero();
  for (int64_t t = 0; t < kAttentionChunk; t += kLanes) {
    const F weight = exp(sub(load(scores + t), broadcast(shift)));
    weights = add(weights, weight);
    store(scores + t, weight);
  }
  const float before = largest;
  largest = shift;
  return before - shift;
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
inline void attend_rows(const AttentionTask& task, const ChunkRow* rows, const ExpandedChunk& chunk,
                        LinesAhead& ahead) {
  const float* q[kRows];
  for (int r = 0; r < kRows; ++r) q[r] = rows[r].q;
  alignas(64) float scores[kRows][kAttentionChunk];
  score_chunk<kRows>(q, chunk.key_columns, task.head_dim, scores, ahead);
  static_assert(kRows <= kLanes);
  F weights[kRows];
  float decays[kLanes] = {};
  for (int r = 0; r < kRows; ++r) {
    decays[r] = weigh_scores(task, scores[r], rows[r].first, rows[r].count, rows[r].state, weights[r]);
  }
  store(decays, exp(load(decays)));
  WeightedRow weighted[kRows];
  for (int r = 0; r < kRows; ++r) {
    float& sum = rows[r].state[task.v_head_dim + 1];
    sum = sum * decays[r] + reduce_add(weights[r]);
    weighted[r] = {scores[r], rows[r].state, decays[r]};
  }
  const auto accumulate = [&]<int kTogether>(int r) {
    accumulate_all_values<kTogether>(weighted + r, rows[r].count, chunk.values, task.v_head_dim,
                                     chunk.value_stride, ahead);
  };
  int r = 0;
  // What a row does not see is not added to it, not even with a weight of zero.
  for (; r + kValueRows <= kRows && rows[r].count == rows[r + kValueRows - 1].count; r += kValueRows) {
    accumulate.template operator()<kValueRows>(r);
  }
  for (; r < kRows; ++r) accumulate.template operator()<1>(r);
}

// All query rows that see something of the positions from `position` to `chunk_end`.
inline void attend_all(const AttentionTask& task, int64_t position, int64_t chunk_end,
                       const ExpandedChunk& chunk, LinesAhead& ahead) {
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
      attend_rows<kScoreRows>(task, rows, chunk, ahead);
      n_rows = 0;
    }
  }
  for (int r = 0; r < n_rows; ++r) attend_rows<1>(task, rows + r, chunk, ahead);
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
    load_key_columns(task, position, chunk_end, rows, columns);
    expand_chunk(values_in_keys ? task.k : task.v, values_in_keys ? task.k_row_bytes : task.v_row_bytes,
                 values_in_keys ? task.expand_k.row : task.expand_v.row, chunk.value_stride, task, position,
                 chunk_end - position, rows);
    LinesAhead ahead;
    const int64_t n_next = end - chunk_end < kAttentionChunk ? end - chunk_end : kAttentionChunk;
    if (n_next > 0) ahead.add(task, task.k, task.k_row_bytes, chunk_end, n_next, 0);
    if (n_next > 0 && !values_in_keys) ahead.add(task, task.v, task.v_row_bytes, chunk_end, n_next, 1);
    attend_all(task, position, chunk_end, chunk, ahead);
  }
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
