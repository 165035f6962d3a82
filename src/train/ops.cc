#include "train/ops.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "train/products.h"

namespace hearth::train {
namespace {

constexpr int64_t kGrainRows = 8;
constexpr int64_t kGrainElements = 4096;

template <typename T>
T sigmoid(T x) {
  return 1 / (1 + std::exp(-x));
}

}  // namespace

template <typename T>
void embed(Threads& threads, const T* table, std::span<const int32_t> tokens, int64_t width, T* out) {
  threads.for_ranges(static_cast<int64_t>(tokens.size()), kGrainRows, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      std::copy_n(table + tokens[static_cast<size_t>(i)] * width, width, out + i * width);
  });
}

template <typename T>
void embed_backward(const T* d_out, std::span<const int32_t> tokens, int64_t width, T* d_table) {
  for (size_t i = 0; i < tokens.size(); ++i) {
    T* const row = d_table + tokens[i] * width;
    const T* const d = d_out + static_cast<int64_t>(i) * width;
    for (int64_t j = 0; j < width; ++j) row[j] += d[j];
  }
}

template <typename T>
void rms_norm(Threads& threads, const T* x, const T* weight, double epsilon, int64_t n, int64_t width, T* out,
              T* scales) {
  threads.for_ranges(n, kGrainRows, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const T* const row = x + i * width;
      const T mean = dot(row, row, width) / static_cast<T>(width);
      const T scale = 1 / std::sqrt(mean + static_cast<T>(epsilon));
      scales[i] = scale;
      for (int64_t j = 0; j < width; ++j) out[i * width + j] = row[j] * scale * weight[j];
    }
  });
}

template <typename T>
void rms_norm_backward(Threads& threads, const T* x, const T* weight, const T* scales, const T* d_out,
                       int64_t n, int64_t width, T* d_x, T* d_weight) {
  threads.for_ranges(n, kGrainRows, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const T* const row = x + i * width;
      const T* const d = d_out + i * width;
      T along = 0;
      for (int64_t j = 0; j < width; ++j) along += d[j] * weight[j] * row[j];
      const T scale = scales[i];
      const T back = along * scale * scale / static_cast<T>(width);
      for (int64_t j = 0; j < width; ++j) d_x[i * width + j] += scale * (d[j] * weight[j] - row[j] * back);
    }
  });
  if (d_weight == nullptr) return;
  // Columns are divided, so that each sum is made by one thread, in the order of the rows.
  threads.for_ranges(width, 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = begin; j < end; ++j)
        d_weight[j] += d_out[i * width + j] * x[i * width + j] * scales[i];
    }
  });
}

template <typename T>
RopeTable<T>::RopeTable(int64_t n_positions, std::span<const double> frequencies)
    : n_pairs(std::ssize(frequencies)) {
  for (int64_t position = 0; position < n_positions; ++position) {
    for (const double frequency : frequencies) {
      const double angle = static_cast<double>(position) * frequency;
      cosines.push_back(static_cast<T>(std::cos(angle)));
      sines.push_back(static_cast<T>(std::sin(angle)));
    }
  }
}

template <typename T>
void rope(Threads& threads, const RopeTable<T>& table, int64_t n, int64_t n_positions, int64_t n_heads,
          int sign, T* x) {
  const int64_t n_pairs = table.n_pairs;
  threads.for_ranges(n, kGrainRows, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const T* const cosines = table.cosines.data() + i % n_positions * n_pairs;
      const T* const sines = table.sines.data() + i % n_positions * n_pairs;
      T* pairs = x + i * n_heads * 2 * n_pairs;
      for (int64_t head = 0; head < n_heads; ++head, pairs += 2 * n_pairs) {
        for (int64_t p = 0; p < n_pairs; ++p) {
          const T a = pairs[2 * p];
          const T b = pairs[2 * p + 1];
          const T sine = static_cast<T>(sign) * sines[p];
          pairs[2 * p] = a * cosines[p] - b * sine;
          pairs[2 * p + 1] = a * sine + b * cosines[p];
        }
      }
    }
  });
}

template <typename T>
void swiglu(Threads& threads, const T* gate, const T* up, int64_t n, T* out) {
  threads.for_ranges(n, kGrainElements, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) out[i] = gate[i] * sigmoid(gate[i]) * up[i];
  });
}

template <typename T>
void swiglu_backward(Threads& threads, const T* gate, const T* up, const T* d_out, int64_t n, T* d_gate,
                     T* d_up) {
  threads.for_ranges(n, kGrainElements, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const T s = sigmoid(gate[i]);
      d_up[i] = d_out[i] * gate[i] * s;
      d_gate[i] = d_out[i] * up[i] * s * (1 + gate[i] * (1 - s));
    }
  });
}

template <typename T>
double cross_entropy(Threads& threads, T* logits, std::span<const int32_t> targets, int64_t vocab,
                     double scale) {
  std::vector<double> losses(targets.size());
  threads.for_ranges(static_cast<int64_t>(targets.size()), kGrainRows, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      T* const row = logits + i * vocab;
      const int32_t target = targets[static_cast<size_t>(i)];
      if (target == kNoTarget) {
        std::fill_n(row, vocab, T{0});
        continue;
      }
      const T top = *std::max_element(row, row + vocab);
      const T chosen = row[target];
      double sum = 0;
      for (int64_t j = 0; j < vocab; ++j) {
        row[j] = std::exp(row[j] - top);
        sum += row[j];
      }
      losses[static_cast<size_t>(i)] = std::log(sum) - (chosen - top);
      const T factor = static_cast<T>(scale / sum);
      for (int64_t j = 0; j < vocab; ++j) row[j] *= factor;
      row[target] -= static_cast<T>(scale);
    }
  });
  double loss = 0;
  for (const double its : losses) loss += its;
  return loss;
}

template <typename T>
void linear(Threads& threads, const T* x, const T* w, int64_t n, int64_t k, int64_t m, bool adds, T* out) {
  multiply<T>(threads, {n, m, k, {x, k, 1}, {w, 1, k}, adds, out, m});
}

template <typename T>
void linear_backward(Threads& threads, const T* x, const T* w, const T* d_out, int64_t n, int64_t k,
                     int64_t m, bool adds, T* d_x, T* d_w) {
  multiply<T>(threads, {n, k, m, {d_out, m, 1}, {w, k, 1}, adds, d_x, k});
  multiply<T>(threads, {m, k, n, {d_out, 1, m}, {x, k, 1}, /*adds=*/true, d_w, k});
}

// NOLINTBEGIN(bugprone-macro-parentheses): T is a type, which stands in no parentheses here.
#define HEARTH_TRAIN_OPS(T)                                                                                  \
  template void embed<T>(Threads&, const T*, std::span<const int32_t>, int64_t, T*);                         \
  template void embed_backward<T>(const T*, std::span<const int32_t>, int64_t, T*);                          \
  template void rms_norm<T>(Threads&, const T*, const T*, double, int64_t, int64_t, T*, T*);                 \
  template void rms_norm_backward<T>(Threads&, const T*, const T*, const T*, const T*, int64_t, int64_t, T*, \
                                     T*);                                                                    \
  template struct RopeTable<T>;                                                                              \
  template void rope<T>(Threads&, const RopeTable<T>&, int64_t, int64_t, int64_t, int, T*);                  \
  template void swiglu<T>(Threads&, const T*, const T*, int64_t, T*);                                        \
  template void swiglu_backward<T>(Threads&, const T*, const T*, const T*, int64_t, T*, T*);                 \
  template double cross_entropy<T>(Threads&, T*, std::span<const int32_t>, int64_t, double);                 \
  template void linear<T>(Threads&, const T*, const T*, int64_t, int64_t, int64_t, bool, T*);                \
  template void linear_backward<T>(Threads&, const T*, const T*, const T*, int64_t, int64_t, int64_t, bool,  \
                                   T*, T*);
// NOLINTEND(bugprone-macro-parentheses)

HEARTH_TRAIN_OPS(float)
HEARTH_TRAIN_OPS(double)

}  // namespace hearth::train
