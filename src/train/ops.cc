#include "train/ops.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/check.h"
#include "train/products.h"
#include "train/row_math.h"

namespace hearth::train {
namespace {

constexpr int64_t kGrainRows = 8;
constexpr int64_t kGrainColumns = 16;
constexpr int64_t kGrainElements = 4096;

template <typename T>
struct Activated {
  T value, derivative;
};

// Activations are x sigmoid(argument(x)).
template <typename T>
struct Silu {
  static T argument(T x) { return x; }
  static T slope(T /*x*/) { return 1; }  // of the argument
};

// tensor::Activation::kGeluTanh, by (1 + tanh u) / 2 = sigmoid(2 u).
template <typename T>
struct GeluTanh {
  static constexpr T kTwiceRoot = static_cast<T>(1.5957691216057308);  // 2 sqrt(2 / pi)
  static constexpr T kCubic = static_cast<T>(0.044715);
  static T argument(T x) { return kTwiceRoot * (x + kCubic * x * x * x); }
  static T slope(T x) { return kTwiceRoot * (1 + 3 * kCubic * x * x); }
};

// Given e^-argument(x).
template <typename Form, typename T>
Activated<T> activated(T x, T power) {
  const T sigmoid = 1 / (1 + power);
  return {x * sigmoid, sigmoid * (1 + x * (1 - sigmoid) * Form::slope(x))};
}

// Calls body(form) with the activation's.
template <typename T, typename Body>
void with_activation(tensor::Activation activation, const Body& body) {
  HEARTH_CHECK(activation != tensor::Activation::kGeluErf);
  if (activation == tensor::Activation::kSilu) {
    body(Silu<T>());
  } else {
    body(GeluTanh<T>());
  }
}

// Calls body(begin, end) for parts that stay in the caches.
template <typename Body>
void for_chunks(Threads& threads, int64_t n, const Body& body) {
  threads.for_ranges(n, kGrainElements, [&](int64_t begin, int64_t end) {
    for (int64_t first = begin; first < end; first += kGrainElements)
      body(first, std::min(first + kGrainElements, end));
  });
}

template <typename T>
int64_t width_of(std::initializer_list<ColumnPart<T>> parts) {
  int64_t width = 0;
  for (const ColumnPart<T>& part : parts) width += part.width;
  return width;
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
      const T along = sum_of<T>(width, [&](int64_t j) { return d[j] * weight[j] * row[j]; });
      const T scale = scales[i];
      const T back = along * scale * scale / static_cast<T>(width);
      for (int64_t j = 0; j < width; ++j) d_x[i * width + j] += scale * (d[j] * weight[j] - row[j] * back);
    }
  });
  if (d_weight == nullptr) return;
  // Columns are divided, so that each sum is made by one thread, in the order of the rows.
  threads.for_ranges(width, kGrainColumns, [&](int64_t begin, int64_t end) {
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = begin; j < end; ++j)
        d_weight[j] += d_out[i * width + j] * x[i * width + j] * scales[i];
    }
  });
}

template <typename T>
void add_bias(Threads& threads, const T* bias, int64_t n, int64_t width, T* x) {
  threads.for_ranges(n, kGrainRows, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      for (int64_t j = 0; j < width; ++j) x[i * width + j] += bias[j];
    }
  });
}

// Columns are divided, so that each sum is made by one thread, in the order of the rows.
template <typename T>
void add_bias_backward(Threads& threads, const T* d_out, int64_t n, int64_t width, T* d_bias) {
  threads.for_ranges(width, kGrainColumns, [&](int64_t begin, int64_t end) {
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = begin; j < end; ++j) d_bias[j] += d_out[i * width + j];
    }
  });
}

template <typename T>
void split_columns(Threads& threads, const T* joined, int64_t n, std::initializer_list<ColumnPart<T>> parts) {
  const int64_t width = width_of(parts);
  threads.for_ranges(n, kGrainRows, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const T* from = joined + i * width;
      for (const ColumnPart<T>& part : parts) {
        std::copy_n(from, part.width, part.data + i * part.width);
        from += part.width;
      }
    }
  });
}

template <typename T>
void join_columns(Threads& threads, std::initializer_list<ColumnPart<T>> parts, int64_t n, T* joined) {
  const int64_t width = width_of(parts);
  threads.for_ranges(n, kGrainRows, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      T* to = joined + i * width;
      for (const ColumnPart<T>& part : parts) to = std::copy_n(part.data + i * part.width, part.width, to);
    }
  });
}

template <typename T>
void add_scaled(Threads& threads, const T* x, double factor, int64_t n, T* out) {
  const T f = static_cast<T>(factor);
  threads.for_ranges(n, kGrainElements, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) out[i] += f * x[i];
  });
}

template <typename T>
void scale(Threads& threads, const T* x, double factor, int64_t n, T* out) {
  const T f = static_cast<T>(factor);
  threads.for_ranges(n, kGrainElements, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) out[i] = f * x[i];
  });
}

template <typename T>
void soft_cap(Threads& threads, const T* x, double limit, int64_t n, T* out) {
  const T most = static_cast<T>(limit);
  threads.for_ranges(n, kGrainElements, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) out[i] = most * std::tanh(x[i] / most);
  });
}

template <typename T>
void soft_cap_backward(Threads& threads, const T* out, double limit, int64_t n, T* d) {
  const T most = static_cast<T>(limit);
  threads.for_ranges(n, kGrainElements, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) d[i] *= 1 - out[i] / most * (out[i] / most);
  });
}

template <typename T>
RopeTable<T>::RopeTable(int64_t n_positions, const LayerPositions& positions, tensor::RopeStyle pairs)
    : style(pairs), n_pairs(std::ssize(positions.frequencies)) {
  for (int64_t position = 0; position < n_positions; ++position) {
    for (const double frequency : positions.frequencies) {
      const double angle = static_cast<double>(position) * frequency;
      cosines.push_back(static_cast<T>(positions.magnitude * std::cos(angle)));
      sines.push_back(static_cast<T>(positions.magnitude * std::sin(angle)));
    }
  }
}

template <typename T>
void rope(Threads& threads, const RopeTable<T>& table, int64_t n, int64_t n_positions, int64_t n_heads,
          int64_t head_dim, int sign, T* x) {
  const int64_t n_pairs = table.n_pairs;
  const bool is_interleaved = table.style == tensor::RopeStyle::kInterleaved;
  const int64_t stride = is_interleaved ? 2 : 1;       // from a pair to the next
  const int64_t apart = is_interleaved ? 1 : n_pairs;  // the two of a pair
  threads.for_ranges(n, kGrainRows, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const T* const cosines = table.cosines.data() + i % n_positions * n_pairs;
      const T* const sines = table.sines.data() + i % n_positions * n_pairs;
      T* head = x + i * n_heads * head_dim;
      for (int64_t h = 0; h < n_heads; ++h, head += head_dim) {
        for (int64_t p = 0; p < n_pairs; ++p) {
          T& first = head[p * stride];
          T& second = head[p * stride + apart];
          const T a = first;
          const T b = second;
          const T sine = static_cast<T>(sign) * sines[p];
          first = a * cosines[p] - b * sine;
          second = a * sine + b * cosines[p];
        }
      }
    }
  });
}

// Powers pass through memory: with them in one expression, GCC multiplies in every lane with what a clamped
// power would give, a number so small that processors take a hundred cycles for it.
template <typename T>
void gated(Threads& threads, tensor::Activation activation, const T* gate, const T* up, int64_t n, T* out) {
  with_activation<T>(activation, [&]<typename Form>(Form) {
    for_chunks(threads, n, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) out[i] = exponential(-Form::argument(gate[i]));
      for (int64_t i = begin; i < end; ++i) out[i] = activated<Form>(gate[i], out[i]).value * up[i];
    });
  });
}

template <typename T>
void gated_backward(Threads& threads, tensor::Activation activation, const T* gate, const T* up,
                    const T* d_out, int64_t n, T* d_gate, T* d_up) {
  with_activation<T>(activation, [&]<typename Form>(Form) {
    for_chunks(threads, n, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) d_gate[i] = exponential(-Form::argument(gate[i]));
      for (int64_t i = begin; i < end; ++i) {
        const Activated<T> its = activated<Form>(gate[i], d_gate[i]);
        d_up[i] = d_out[i] * its.value;
        d_gate[i] = d_out[i] * up[i] * its.derivative;
      }
    });
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
      const T top = largest(row, vocab);
      const T chosen = row[target];
      for (int64_t j = 0; j < vocab; ++j) row[j] = exponential(row[j] - top);
      const double sum = sum_of<double>(vocab, [&](int64_t j) { return row[j]; });
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
  template void add_bias<T>(Threads&, const T*, int64_t, int64_t, T*);                                       \
  template void add_bias_backward<T>(Threads&, const T*, int64_t, int64_t, T*);                              \
  template void split_columns<T>(Threads&, const T*, int64_t, std::initializer_list<ColumnPart<T>>);         \
  template void join_columns<T>(Threads&, std::initializer_list<ColumnPart<T>>, int64_t, T*);                \
  template void add_scaled<T>(Threads&, const T*, double, int64_t, T*);                                      \
  template void scale<T>(Threads&, const T*, double, int64_t, T*);                                           \
  template void soft_cap<T>(Threads&, const T*, double, int64_t, T*);                                        \
  template void soft_cap_backward<T>(Threads&, const T*, double, int64_t, T*);                               \
  template struct RopeTable<T>;                                                                              \
  template void rope<T>(Threads&, const RopeTable<T>&, int64_t, int64_t, int64_t, int64_t, int, T*);         \
  template void gated<T>(Threads&, tensor::Activation, const T*, const T*, int64_t, T*);                     \
  template void gated_backward<T>(Threads&, tensor::Activation, const T*, const T*, const T*, int64_t, T*,   \
                                  T*);                                                                       \
  template double cross_entropy<T>(Threads&, T*, std::span<const int32_t>, int64_t, double);                 \
  template void linear<T>(Threads&, const T*, const T*, int64_t, int64_t, int64_t, bool, T*);                \
  template void linear_backward<T>(Threads&, const T*, const T*, const T*, int64_t, int64_t, int64_t, bool,  \
                                   T*, T*);
// NOLINTEND(bugprone-macro-parentheses)

HEARTH_TRAIN_OPS(float)
HEARTH_TRAIN_OPS(double)

}  // namespace hearth::train
