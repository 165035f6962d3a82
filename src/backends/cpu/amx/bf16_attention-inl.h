// Attention of many query rows over one KV head's cache, in bf16 on AMX. Online softmax: arXiv:2205.14135,
// algorithm 1, one update per kSpan positions.
//
// Keys and values of a span become tiles of bf16 once, for all of the task's query rows. Of these 32 are
// taken at a time: their scores (16 KiB) come out of the tiles, become weights in the vector units, and go
// back into tiles while they are in the first-level cache.
//
// Weights and values are rounded to bf16. Scores are not, because the exponential makes an error of them one
// of the weights: queries and keys are taken as sums of two numbers of bf16, high + low, which keeps 16 bits
// (more than F16 has), and a score is high high + high low + low high.
//
// A row's bits depend on nothing beside it: spans are cut at fixed positions, the terms of a sum are added in
// the order of positions or elements (in steps as bf16_matmul-inl.h says), and what other rows see and this
// one does not has the weight 0.

namespace hearth::cpu::HEARTH_ISA {
namespace {
namespace bf16 {

constexpr int64_t kSpan = 128;  // positions
constexpr int64_t kSpanTiles = kSpan / kTileSide;
constexpr int64_t kSpanSteps = kSpan / kTileDepth;
constexpr int64_t kPairRows = 2 * kTileSide;  // query rows whose scores are computed together
constexpr float kLog2E = 1.44269504F;
constexpr float kLn2 = 0.69314718F;

inline int64_t round_up_32(int64_t n) {
  return (n + 31) / 32 * 32;
}

// Tiles of numbers that are sums of two of bf16.
struct Parts {
  uint16_t* high;
  uint16_t* low;
};

// Two vectors of floats as one of such numbers, to the same place of both.
inline void split(F even, F odd, I& high, I& low) {
  high = to_bf16(even, odd);
  const F high_even = widen_bf16(_mm512_castsi512_si256(high));
  const F high_odd = widen_bf16(_mm512_extracti64x4_epi64(high, 1));
  low = to_bf16(sub(even, high_even), sub(odd, high_odd));
}

// What a task keeps between spans, and what it works on, in its scratch memory.
struct AttentionMemory {
  int64_t k_steps;     // of a row of keys
  int64_t v_width;     // of a row of sums: v_head_dim, whole pairs of tiles
  Parts queries;       // [row tiles, k_steps] tiles
  Parts keys;          // [kSpanTiles, k_steps] tiles, a position per column
  uint16_t* values;    // [kSpanSteps, v_width / 16] tiles, an element per column
  float* scores;       // [kPairRows, kSpan]
  uint16_t* weights;   // [kPairRows, kSpan]
  float* rows;         // [16, elements of a row of keys or values]: expanded
  float* sums;         // [query rows, v_width]
  float* largest;      // [query rows], of scores in units of ln 2
  float* weight_sums;  // [query rows]
};

// Lays the arrays out one after the other, from `base` on, each aligned to 64 bytes; the size in bytes.
inline size_t lay_out(int64_t n_rows, int64_t head_dim, int64_t v_head_dim, uintptr_t base,
                      AttentionMemory& m) {
  size_t size = 0;
  const auto take = [&]<typename T>(T*& array, int64_t count) {
    array = reinterpret_cast<T*>(base + size);
    size += (static_cast<size_t>(count) * sizeof(T) + 63) / 64 * 64;
  };
  const int64_t padded_rows = round_up_32(n_rows);
  const int64_t k_width = round_up_32(head_dim);
  m.k_steps = k_width / kTileDepth;
  m.v_width = round_up_32(v_head_dim);
  take(m.queries.high, padded_rows * k_width);
  take(m.queries.low, padded_rows * k_width);
  take(m.keys.high, kSpan * k_width);
  take(m.keys.low, kSpan * k_width);
  take(m.values, kSpan * m.v_width);
  take(m.scores, kPairRows * kSpan);
  take(m.weights, kPairRows * kSpan);
  take(m.rows, kTileSide * (k_width > m.v_width ? k_width : m.v_width));
  take(m.sums, padded_rows * m.v_width);
  take(m.largest, padded_rows);
  take(m.weight_sums, padded_rows);
  return size;
}

size_t attention_scratch_bytes(int64_t n_rows, int64_t head_dim, int64_t v_head_dim) noexcept {
  AttentionMemory memory;
  return lay_out(n_rows, head_dim, v_head_dim, 0, memory);
}

inline F load_padded(const float* x, int64_t count) {
  return count > 0 ? load_partial(x, count) : zero();
}

// Query rows as lines of tiles, those beyond the last as zeros, times `factor`.
inline void pack_queries(const AttentionTask& task, float factor, const AttentionMemory& m) {
  const int64_t n_rows = task.n_tokens * task.group;
  for (int64_t row = 0; row < round_up_32(n_rows); ++row) {
    const float* q = task.q + row / task.group * task.q_token_stride + row % task.group * task.head_dim;
    for (int64_t step = 0; step < m.k_steps; ++step) {
      const int64_t first = step * kTileDepth;
      I high = zero_integers();
      I low = zero_integers();
      if (row < n_rows) {
        split(mul(load_padded(q + first, task.head_dim - first), broadcast(factor)),
              mul(load_padded(q + first + kLanes, task.head_dim - first - kLanes), broadcast(factor)), high,
              low);
      }
      const int64_t line =
          (row / kTileSide * m.k_steps + step) * kTileElements + row % kTileSide * kTileDepth;
      _mm512_store_si512(m.queries.high + line, high);
      _mm512_store_si512(m.queries.low + line, low);
    }
  }
}

// Expands the rows of positions `position` .. + 15 to m.rows, `width` elements each; those before `first` or
// from `end` on, and elements from `dim` on, are zeros.
inline void expand_sixteen(const AttentionTask& task, const void* cache, int64_t row_bytes, ExpandRow expand,
                           int64_t dim, int64_t width, int64_t position, int64_t first, int64_t end,
                           const AttentionMemory& m) {
  for (int64_t i = 0; i < kTileSide; ++i) {
    float* to = m.rows + i * width;
    int64_t filled = 0;
    if (position + i >= first && position + i < end) {
      expand(cache_row(task, cache, row_bytes, position + i), dim, to);
      filled = dim;
    }
    for (; filled < width; ++filled) to[filled] = 0.0F;
  }
}

// Keys as tiles whose columns are positions: a transposition of pairs of elements.
inline void pack_keys(const AttentionTask& task, int64_t position, int64_t first, int64_t end,
                      const AttentionMemory& m) {
  const int64_t width = m.k_steps * kTileDepth;
  for (int64_t tile = 0; tile < kSpanTiles && position + tile * kTileSide < end; ++tile) {
    expand_sixteen(task, task.k, task.k_row_bytes, task.expand_k.row, task.head_dim, width,
                   position + tile * kTileSide, first, end, m);
    for (int64_t step = 0; step < m.k_steps; ++step) {
      I high[kTileSide];
      I low[kTileSide];
      for (int64_t i = 0; i < kTileSide; ++i) {
        const float* row = m.rows + i * width + step * kTileDepth;
        split(load(row), load(row + kLanes), high[i], low[i]);
      }
      transpose(high);
      transpose(low);
      const int64_t to = (tile * m.k_steps + step) * kTileElements;
      for (int i = 0; i < kTileSide; ++i) _mm512_store_si512(m.keys.high + to + i * kTileDepth, high[i]);
      for (int i = 0; i < kTileSide; ++i) _mm512_store_si512(m.keys.low + to + i * kTileDepth, low[i]);
    }
  }
}

// Values as tiles whose lines are pairs of positions, element by element.
inline void pack_values(const AttentionTask& task, int64_t position, int64_t first, int64_t end,
                        const AttentionMemory& m) {
  const bool in_keys = task.v == nullptr;
  const void* cache = in_keys ? task.k : task.v;
  const int64_t row_bytes = in_keys ? task.k_row_bytes : task.v_row_bytes;
  const ExpandRow expand = in_keys ? task.expand_k.row : task.expand_v.row;
  const int64_t n_tiles = m.v_width / kTileSide;
  const I interleave = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7,
                                        22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  for (int64_t half = 0; half < kSpanTiles; ++half) {
    // A step has 32 positions: its second half may lie beyond the end.
    if (position + half / 2 * kTileDepth >= end) break;
    expand_sixteen(task, cache, row_bytes, expand, task.v_head_dim, m.v_width, position + half * kTileSide,
                   first, end, m);
    for (int64_t pair = 0; pair < kTileSide / 2; ++pair) {
      const float* even = m.rows + 2 * pair * m.v_width;
      uint16_t* to =
          m.values + half / 2 * n_tiles * kTileElements + (half % 2 * kTileSide / 2 + pair) * kTileDepth;
      for (int64_t tile = 0; tile < n_tiles; ++tile, even += kLanes, to += kTileElements) {
        _mm512_store_si512(to,
                           _mm512_permutexvar_epi16(interleave, to_bf16(load(even), load(even + m.v_width))));
      }
    }
  }
}

// Sums 0 and 1 += upper * left and right; sums 2 and 3 += lower * left and right. What was multiplied stays
// in tiles 4 (upper), 5 (lower), 6 and 7.
inline void multiply_pairs(const uint16_t* upper, const uint16_t* lower, int line_bytes, const uint16_t* left,
                           const uint16_t* right) {
  _tile_loadd(4, upper, line_bytes);
  _tile_loadd(6, left, 64);
  _tile_dpbf16ps(0, 4, 6);
  _tile_loadd(7, right, 64);
  _tile_dpbf16ps(1, 4, 7);
  _tile_loadd(5, lower, line_bytes);
  _tile_dpbf16ps(2, 5, 6);
  _tile_dpbf16ps(3, 5, 7);
}

// Scores of a pair of row tiles at the span's first n_positions (a multiple of 32).
inline void score_pair(int64_t first_row, int64_t n_positions, const AttentionMemory& m) {
  const int64_t tile_stride = m.k_steps * kTileElements;
  const int64_t queries = first_row / kTileSide * tile_stride;
  for (int64_t p = 0; p < n_positions; p += 2 * kTileSide) {
    const int64_t keys = p / kTileSide * tile_stride;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t step = 0; step < m.k_steps; ++step) {
      const int64_t q = queries + step * kTileElements;
      const int64_t k = keys + step * kTileElements;
      const uint16_t* left = m.keys.high + k;
      const uint16_t* right = left + tile_stride;
      multiply_pairs(m.queries.high + q, m.queries.high + q + tile_stride, 64, left, right);
      // The queries' tiles are there already.
      _tile_loadd(6, m.keys.low + k, 64);
      _tile_dpbf16ps(0, 4, 6);
      _tile_loadd(7, m.keys.low + k + tile_stride, 64);
      _tile_dpbf16ps(1, 4, 7);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
      multiply_pairs(m.queries.low + q, m.queries.low + q + tile_stride, 64, left, right);
    }
    float* to = m.scores + p;
    constexpr int kStride = kSpan * sizeof(float);
    _tile_stored(0, to, kStride);
    _tile_stored(1, to + kTileSide, kStride);
    _tile_stored(2, to + kTileSide * kSpan, kStride);
    _tile_stored(3, to + kTileSide * kSpan + kTileSide, kStride);
  }
}

// sums += weights * values, for a pair of row tiles and the span's first n_positions.
inline void add_values(int64_t n_positions, float* sums, const AttentionMemory& m) {
  publish_to_tiles(m.weights);
  const int64_t n_tiles = m.v_width / kTileSide;
  const auto stride = static_cast<int>(m.v_width * static_cast<int64_t>(sizeof(float)));
  float* lower = sums + kTileSide * m.v_width;
  for (int64_t d = 0; d < m.v_width; d += 2 * kTileSide) {
    _tile_loadd(0, sums + d, stride);
    _tile_loadd(1, sums + d + kTileSide, stride);
    _tile_loadd(2, lower + d, stride);
    _tile_loadd(3, lower + d + kTileSide, stride);
    const uint16_t* values = m.values + d / kTileSide * kTileElements;
    constexpr int kStride = kSpan * sizeof(uint16_t);
    for (int64_t p = 0; p < n_positions; p += kTileDepth, values += n_tiles * kTileElements) {
      multiply_pairs(m.weights + p, m.weights + kTileSide * kSpan + p, kStride, values,
                     values + kTileElements);
    }
    _tile_stored(0, sums + d, stride);
    _tile_stored(1, sums + d + kTileSide, stride);
    _tile_stored(2, lower + d, stride);
    _tile_stored(3, lower + d + kTileSide, stride);
  }
}

// 2^x for x <= 0, to 6e-5 of it: a thirtieth of what rounding to bf16 may cost. 0 far below the smallest
// number.
inline F power_of_two(F x) {
  const F bounded = max(x, broadcast(-200.0F));
  const F n = round(bounded);
  const F r = sub(bounded, n);
  F p = broadcast(9.61812911e-3F);  // ln(2)^k / k!
  p = fma(p, r, broadcast(5.55041087e-2F));
  p = fma(p, r, broadcast(2.40226507e-1F));
  p = fma(p, r, broadcast(6.93147181e-1F));
  p = fma(p, r, broadcast(1.0F));
  return times_power_of_two(p, n);
}

// Turns a row's scores into weights at the span's first n_positions (a multiple of 32), of which it sees
// some; the factor for what earlier spans gave.
inline float weigh(const float* scores, Positions seen, int64_t n_positions, uint16_t* weights,
                   float& largest, float& weight_sum) {
  const auto scores_at = [&](int64_t p) {
    const F s = load(scores + p);
    if (p >= seen.begin && p + kLanes <= seen.end) return s;
    const int64_t from = seen.begin > p ? (seen.begin < p + kLanes ? seen.begin - p : kLanes) : 0;
    const int64_t to = seen.end < p + kLanes ? (seen.end > p ? seen.end - p : 0) : kLanes;
    const auto mask = static_cast<__mmask16>(((1U << to) - 1U) & ~((1U << from) - 1U));
    return _mm512_mask_mov_ps(broadcast(-__builtin_inff()), mask, s);
  };
  F top = broadcast(largest);
  for (int64_t p = 0; p < n_positions; p += kLanes) top = max(top, scores_at(p));
  const float shift = reduce_max(top);
  F sums = zero();
  for (int64_t p = 0; p < n_positions; p += 2 * kLanes) {
    const F low = power_of_two(sub(scores_at(p), broadcast(shift)));
    const F high = power_of_two(sub(scores_at(p + kLanes), broadcast(shift)));
    sums = add(sums, add(low, high));
    _mm512_store_si512(weights + p, to_bf16(low, high));
  }
  const float decay = _mm512_cvtss_f32(power_of_two(broadcast(largest - shift)));
  largest = shift;
  weight_sum = weight_sum * decay + reduce_add(sums);
  return decay;
}

inline void cap(float soft_cap, int64_t n_positions, float* scores) {
  for (int64_t p = 0; p < n_positions; p += kLanes) {
    store(scores + p, mul(broadcast(soft_cap * kLog2E), tanh(div(load(scores + p), broadcast(soft_cap)))));
  }
}

// Query rows first .. first + 31 attend to the span at `position`.
inline void attend_pair(const AttentionTask& task, int64_t first, int64_t position, int64_t end,
                        const AttentionMemory& m) {
  const int64_t n_rows = task.n_tokens * task.group;
  const int64_t last = first + kPairRows < n_rows ? first + kPairRows - 1 : n_rows - 1;
  const int64_t span_end = position + kSpan < end ? position + kSpan : end;
  const int64_t furthest = visible_positions(task, last / task.group).end;  // of all that these rows see
  if (furthest <= position) return;
  const int64_t n_positions = round_up_32((furthest < span_end ? furthest : span_end) - position);
  score_pair(first, n_positions, m);
  float* sums = m.sums + first * m.v_width;
  for (int64_t i = 0; i < kPairRows; ++i) {
    const int64_t row = first + i;
    uint16_t* weights = m.weights + i * kSpan;
    Positions seen{0, 0};
    if (row < n_rows) {
      const Positions visible = visible_positions(task, row / task.group);
      seen.begin = visible.begin > position ? visible.begin - position : 0;
      seen.end = (visible.end < span_end ? visible.end : span_end) - position;
    }
    if (seen.begin >= seen.end) {
      for (int64_t p = 0; p < n_positions; p += kTileDepth) _mm512_store_si512(weights + p, zero_integers());
      continue;
    }
    float* scores = m.scores + i * kSpan;
    if (task.soft_cap != 0.0F) cap(task.soft_cap, n_positions, scores);
    const float decay = weigh(scores, seen, n_positions, weights, m.largest[row], m.weight_sums[row]);
    float* sum = sums + i * m.v_width;
    for (int64_t j = 0; j < m.v_width; j += kLanes) store(sum + j, mul(load(sum + j), broadcast(decay)));
  }
  add_values(n_positions, sums, m);
}

inline void write_states(const AttentionTask& task, const AttentionMemory& m) {
  for (int64_t row = 0; row < task.n_tokens * task.group; ++row) {
    float* state = task.state + row * (task.v_head_dim + 2);
    for (int64_t i = 0; i < task.v_head_dim; i += kLanes) {
      store_partial(state + i, load(m.sums + row * m.v_width + i), task.v_head_dim - i);
    }
    state[task.v_head_dim] = m.largest[row] * kLn2;
    state[task.v_head_dim + 1] = m.weight_sums[row];
  }
}

void attention(const AttentionTask& task) noexcept {
  const int64_t n_rows = task.n_tokens * task.group;
  AttentionMemory m;
  lay_out(n_rows, task.head_dim, task.v_head_dim, reinterpret_cast<uintptr_t>(task.scratch), m);
  for (int64_t i = 0; i < round_up_32(n_rows); ++i) {
    for (int64_t j = 0; j < m.v_width; j += kLanes) store(m.sums + i * m.v_width + j, zero());
    m.largest[i] = -__builtin_inff();
    m.weight_sums[i] = 0.0F;
  }
  pack_queries(task, task.soft_cap != 0.0F ? task.scale : task.scale * kLog2E, m);
  configure_tiles(64);
  const int64_t first = visible_positions(task, 0).begin;
  const int64_t last_end = visible_positions(task, task.n_tokens - 1).end;
  const int64_t end = task.end < last_end ? task.end : last_end;
  int64_t position = first / kSpan * kSpan;
  if (position < task.begin) position = task.begin;
  for (; position < end; position += kSpan) {
    pack_keys(task, position, first, end, m);
    pack_values(task, position, first, end, m);
    publish_to_tiles(m.keys.high);
    for (int64_t row = 0; row < n_rows; row += kPairRows) attend_pair(task, row, position, end, m);
  }
  _tile_release();
  write_states(task, m);
}

}  // namespace bf16
}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
