// Causal attention and its derivative, as dense products of a head's queries, some rows at a time.
#include <algorithm>
#include <cmath>
#include <vector>

#include "train/ops.h"
#include "train/products.h"
#include "train/row_math.h"

namespace hearth::train {
namespace {

// Queries at a time: beyond their own positions, scores are computed in vain.
constexpr int64_t kQueries = 64;

// Where a head of a sequence has its rows.
struct Head {
  int64_t q, kv, log_sums;  // of the sequence's first token
  int64_t q_stride, kv_stride, log_sum_stride;
};

Head head_of(const AttentionShape& shape, int64_t sequence, int64_t head) {
  const int64_t first = sequence * shape.n_positions;
  const int64_t kv_head = head / (shape.n_heads / shape.n_kv_heads);
  return {(first * shape.n_heads + head) * shape.head_dim,
          (first * shape.n_kv_heads + kv_head) * shape.head_dim,
          first * shape.n_heads + head,
          shape.n_heads * shape.head_dim,
          shape.n_kv_heads * shape.head_dim,
          shape.n_heads};
}

// A head's queries first .. first + n, of which the first sees from position `from` on; they see n_seen
// positions together.
struct Block {
  int64_t first, n, from, n_seen;

  // What query `row` of them sees, of n_seen.
  Range seen_by(int64_t row, int64_t window) const {
    const int64_t end = first + row + 1;
    return {std::max(window > 0 ? end - window : 0, from) - from, end - from};
  }
};

std::vector<Block> blocks_of(const AttentionShape& shape) {
  std::vector<Block> blocks;
  for (int64_t first = 0; first < shape.n_positions; first += kQueries) {
    const int64_t n = std::min(kQueries, shape.n_positions - first);
    const int64_t from = shape.window > 0 ? std::max<int64_t>(0, first - shape.window + 1) : 0;
    blocks.push_back({first, n, from, first + n - from});
  }
  return blocks;
}

template <typename T>
T scale_of(const AttentionShape& shape) {
  const double of_head = 1 / std::sqrt(static_cast<double>(shape.head_dim));
  return static_cast<T>(shape.scale != 0.0 ? shape.scale : of_head);
}

// Products become scores.
template <typename T>
void score(const AttentionShape& shape, T* row, Range seen) {
  const T scale = scale_of<T>(shape);
  for (int64_t p = seen.begin; p < seen.end; ++p) row[p] *= scale;
  if (shape.soft_cap == 0.0) return;
  const T cap = static_cast<T>(shape.soft_cap);
  for (int64_t p = seen.begin; p < seen.end; ++p) row[p] = cap * std::tanh(row[p] / cap);
}

template <typename T>
void zero_unseen(T* row, Range seen, int64_t n) {
  std::fill(row, row + seen.begin, T{0});
  std::fill(row + seen.end, row + n, T{0});
}

// Products become weights, zero but for those that are seen; returns the logarithm of the sum of their
// scores' exponentials.
template <typename T>
T softmax(const AttentionShape& shape, T* row, Range seen, int64_t n) {
  score(shape, row, seen);
  const T top = largest(row + seen.begin, seen.end - seen.begin);
  for (int64_t p = seen.begin; p < seen.end; ++p) row[p] = exponential(row[p] - top);
  const T sum = sum_of<T>(seen.end - seen.begin, [&](int64_t i) { return row[seen.begin + i]; });
  for (int64_t p = seen.begin; p < seen.end; ++p) row[p] /= sum;
  zero_unseen(row, seen, n);
  return top + std::log(sum);
}

// Products become weights, and derivatives by weights, of which `along` is the mean, those by products.
template <typename T>
void softmax_backward(const AttentionShape& shape, T log_sum, T along, Range seen, int64_t n, T* row, T* d) {
  score(shape, row, seen);
  const T scale = scale_of<T>(shape);
  if (shape.soft_cap == 0.0) {
    for (int64_t p = seen.begin; p < seen.end; ++p) {
      row[p] = exponential(row[p] - log_sum);
      d[p] = scale * row[p] * (d[p] - along);
    }
  } else {
    const T cap = static_cast<T>(shape.soft_cap);
    for (int64_t p = seen.begin; p < seen.end; ++p) {
      const T capped = row[p] / cap;
      row[p] = exponential(row[p] - log_sum);
      d[p] = scale * (1 - capped * capped) * row[p] * (d[p] - along);
    }
  }
  zero_unseen(row, seen, n);
  zero_unseen(d, seen, n);
}

// What one thread computes with.
template <typename T>
struct Scratch {
  explicit Scratch(int64_t n_positions)
      : scores(static_cast<size_t>(kQueries * n_positions)), d_scores(scores.size()) {}

  std::vector<T> scores;
  std::vector<T> d_scores;
};

template <typename T>
struct Operands {
  const T *q, *k, *v, *out, *log_sums, *d_out;
  T *d_q, *d_k, *d_v;
};

template <typename T>
void backward_block(Threads& threads, int thread, const AttentionShape& shape, const Head& at,
                    const Block& block, const Operands<T>& x, Scratch<T>& scratch) {
  const int64_t head_dim = shape.head_dim;
  const int64_t rows = at.q + block.first * at.q_stride;
  const int64_t kv = at.kv + block.from * at.kv_stride;
  T* const weights = scratch.scores.data();
  T* const d_scores = scratch.d_scores.data();
  const MatrixView<T> queries{x.q + rows, at.q_stride, 1};
  const MatrixView<T> keys{x.k + kv, at.kv_stride, 1};
  const MatrixView<T> values{x.v + kv, at.kv_stride, 1};
  const MatrixView<T> d_outs{x.d_out + rows, at.q_stride, 1};
  const int64_t n_seen = block.n_seen;
  multiply_on<T>(threads, thread,
                 {block.n, n_seen, head_dim, queries, keys.transposed(), false, weights, n_seen});
  multiply_on<T>(threads, thread,
                 {block.n, n_seen, head_dim, d_outs, values.transposed(), false, d_scores, n_seen});
  for (int64_t r = 0; r < block.n; ++r) {
    const int64_t row = rows + r * at.q_stride;
    const T along = dot(x.d_out + row, x.out + row, head_dim);
    const T log_sum = x.log_sums[at.log_sums + (block.first + r) * at.log_sum_stride];
    softmax_backward(shape, log_sum, along, block.seen_by(r, shape.window), n_seen, weights + r * n_seen,
                     d_scores + r * n_seen);
  }
  const MatrixView<T> weights_view{weights, n_seen, 1};
  const MatrixView<T> d_scores_view{d_scores, n_seen, 1};
  multiply_on<T>(
      threads, thread,
      {n_seen, head_dim, block.n, weights_view.transposed(), d_outs, true, x.d_v + kv, at.kv_stride});
  multiply_on<T>(
      threads, thread,
      {n_seen, head_dim, block.n, d_scores_view.transposed(), queries, true, x.d_k + kv, at.kv_stride});
  multiply_on<T>(threads, thread,
                 {block.n, head_dim, n_seen, d_scores_view, keys, false, x.d_q + rows, at.q_stride});
}

}  // namespace

template <typename T>
void attention(Threads& threads, const AttentionShape& shape, const T* q, const T* k, const T* v, T* out,
               T* log_sums) {
  threads.for_ranges_on(shape.n_sequences * shape.n_heads, 1, [&](int thread, int64_t begin, int64_t end) {
    Scratch<T> scratch(shape.n_positions);
    T* const scores = scratch.scores.data();
    for (int64_t i = begin; i < end; ++i) {
      const Head at = head_of(shape, i / shape.n_heads, i % shape.n_heads);
      for (const Block& block : blocks_of(shape)) {
        const int64_t n_seen = block.n_seen;
        const int64_t rows = at.q + block.first * at.q_stride;
        const int64_t kv = at.kv + block.from * at.kv_stride;
        const MatrixView<T> queries{q + rows, at.q_stride, 1};
        const MatrixView<T> keys{k + kv, at.kv_stride, 1};
        const MatrixView<T> values{v + kv, at.kv_stride, 1};
        multiply_on<T>(threads, thread,
                       {block.n, n_seen, shape.head_dim, queries, keys.transposed(), false, scores, n_seen});
        for (int64_t r = 0; r < block.n; ++r) {
          log_sums[at.log_sums + (block.first + r) * at.log_sum_stride] =
              softmax(shape, scores + r * n_seen, block.seen_by(r, shape.window), n_seen);
        }
        multiply_on<T>(
            threads, thread,
            {block.n, shape.head_dim, n_seen, {scores, n_seen, 1}, values, false, out + rows, at.q_stride});
      }
    }
  });
}

// KV heads are divided among threads: the queries that share one add to its derivatives in their order.
// Source of using the kept logarithms and d_out . out: arXiv:2205.14135, appendix B.4.
template <typename T>
void attention_backward(Threads& threads, const AttentionShape& shape, const T* q, const T* k, const T* v,
                        const T* out, const T* log_sums, const T* d_out, T* d_q, T* d_k, T* d_v) {
  const int64_t group = shape.n_heads / shape.n_kv_heads;
  threads.for_ranges_on(shape.n_sequences * shape.n_kv_heads, 1, [&](int thread, int64_t begin, int64_t end) {
    const Operands<T> operands{q, k, v, out, log_sums, d_out, d_q, d_k, d_v};
    Scratch<T> scratch(shape.n_positions);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first_head = i % shape.n_kv_heads * group;
      for (int64_t head = first_head; head < first_head + group; ++head) {
        const Head at = head_of(shape, i / shape.n_kv_heads, head);
        for (int64_t p = 0; head == first_head && p < shape.n_positions; ++p) {
          std::fill_n(d_k + at.kv + p * at.kv_stride, shape.head_dim, T{0});
          std::fill_n(d_v + at.kv + p * at.kv_stride, shape.head_dim, T{0});
        }
        for (const Block& block : blocks_of(shape))
          backward_block(threads, thread, shape, at, block, operands, scratch);
      }
    }
  });
}

// NOLINTBEGIN(bugprone-macro-parentheses): T is a type, which stands in no parentheses here.
#define HEARTH_TRAIN_ATTENTION(T)                                                                    \
  template void attention<T>(Threads&, const AttentionShape&, const T*, const T*, const T*, T*, T*); \
  template void attention_backward<T>(Threads&, const AttentionShape&, const T*, const T*, const T*, \
                                      const T*, const T*, const T*, T*, T*, T*);
// NOLINTEND(bugprone-macro-parentheses)

HEARTH_TRAIN_ATTENTION(float)
HEARTH_TRAIN_ATTENTION(double)

}  // namespace hearth::train
