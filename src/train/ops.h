// The ops of a transformer that is trained, each with its derivative. Dense rows, all tokens of a batch after
// each other.
//
// A backward takes the derivative of the loss by the op's output (d_out) and adds to those by its inputs,
// unless it says "overwritten". float is what trains; double is the same code, of which finite differences
// are taken in tests. Sums over rows are made in the order of the rows, so that results do not depend on the
// number of threads.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "tensor/backend.h"
#include "train/decoder_layout.h"
#include "train/threads.h"

namespace hearth::train {

// out[i] = table[tokens[i]].   table [vocab, width], out [n, width]
template <typename T>
void embed(Threads& threads, const T* table, std::span<const int32_t> tokens, int64_t width, T* out);
// Adds to d_table.
template <typename T>
void embed_backward(const T* d_out, std::span<const int32_t> tokens, int64_t width, T* d_table);

// out = x * weight / sqrt(mean(x^2) + epsilon).   x, out [n, width], weight [width]; scales [n]: 1 /
// sqrt(...), for backward
template <typename T>
void rms_norm(Threads& threads, const T* x, const T* weight, double epsilon, int64_t n, int64_t width, T* out,
              T* scales);
// Adds to d_x and to d_weight, which is null where nobody wants it.
template <typename T>
void rms_norm_backward(Threads& threads, const T* x, const T* weight, const T* scales, const T* d_out,
                       int64_t n, int64_t width, T* d_x, T* d_weight);

// x [n, width] += bias [width].
template <typename T>
void add_bias(Threads& threads, const T* bias, int64_t n, int64_t width, T* x);
// Adds to d_bias.
template <typename T>
void add_bias_backward(Threads& threads, const T* d_out, int64_t n, int64_t width, T* d_bias);

// Parts that stand beside each other in the rows of one matrix.
template <typename T>
struct ColumnPart {
  T* data;  // [n, width]
  int64_t width;
};
// Copies the columns of joined [n, the sum of the widths] into the parts, and back.
template <typename T>
void split_columns(Threads& threads, const T* joined, int64_t n, std::initializer_list<ColumnPart<T>> parts);
template <typename T>
void join_columns(Threads& threads, std::initializer_list<ColumnPart<T>> parts, int64_t n, T* joined);

// out += factor * x, element by element.
template <typename T>
void add_scaled(Threads& threads, const T* x, double factor, int64_t n, T* out);
// out = factor * x; out may be x.
template <typename T>
void scale(Threads& threads, const T* x, double factor, int64_t n, T* out);

// out = limit * tanh(x / limit), element by element; out may be x.
template <typename T>
void soft_cap(Threads& threads, const T* x, double limit, int64_t n, T* out);
// Multiplies d with the derivative, given what the op made of x.
template <typename T>
void soft_cap_backward(Threads& threads, const T* out, double limit, int64_t n, T* d);

// The cosines and sines of rotary embedding, multiplied with its magnitude.
template <typename T>
struct RopeTable {
  RopeTable(int64_t n_positions, const LayerPositions& positions, tensor::RopeStyle pairs);

  tensor::RopeStyle style;
  int64_t n_pairs;
  std::vector<T> cosines;  // [n_positions, n_pairs]
  std::vector<T> sines;
};
// Turns the pairs of each head of x [n, n_heads, head_dim] in place, row i being at position i % n_positions;
// with `sign` -1 the other way, which is the derivative.
template <typename T>
void rope(Threads& threads, const RopeTable<T>& table, int64_t n, int64_t n_positions, int64_t n_heads,
          int64_t head_dim, int sign, T* x);

// Sequences of one length after each other.
struct AttentionShape {
  int64_t n_sequences;
  int64_t n_positions;
  int64_t n_heads;
  int64_t n_kv_heads;  // divides n_heads; head h reads KV head h / (n_heads / n_kv_heads)
  int64_t head_dim;
  double scale = 0.0;     // of scores; 0: 1 / sqrt(head_dim)
  double soft_cap = 0.0;  // scores become soft_cap * tanh(score / soft_cap); 0: they do not
  int64_t window = 0;     // positions that a token sees, itself among them; 0: all
};
// Causal attention.
//   q, out [n, n_heads, head_dim], k, v [n, n_kv_heads, head_dim], n = n_sequences * n_positions
//   log_sums [n, n_heads]: the logarithm of each row's sum of exponentials, for backward
template <typename T>
void attention(Threads& threads, const AttentionShape& shape, const T* q, const T* k, const T* v, T* out,
               T* log_sums);
// Overwrites d_q, d_k and d_v.
template <typename T>
void attention_backward(Threads& threads, const AttentionShape& shape, const T* q, const T* k, const T* v,
                        const T* out, const T* log_sums, const T* d_out, T* d_q, T* d_k, T* d_v);

// out = activation(gate) * up, element by element, with kSilu or kGeluTanh.
template <typename T>
void gated(Threads& threads, tensor::Activation activation, const T* gate, const T* up, int64_t n, T* out);
// Overwrites d_gate and d_up.
template <typename T>
void gated_backward(Threads& threads, tensor::Activation activation, const T* gate, const T* up,
                    const T* d_out, int64_t n, T* d_gate, T* d_up);

// Rows without a target do not count.
inline constexpr int32_t kNoTarget = -1;
// The sum over rows of -log softmax(logits)[target]; logits [n, vocab] are overwritten by `scale` times its
// derivative.
template <typename T>
double cross_entropy(Threads& threads, T* logits, std::span<const int32_t> targets, int64_t vocab,
                     double scale);

// out = x w^T (`adds`: out += it).   x [n, k], w [m, k], out [n, m]
template <typename T>
void linear(Threads& threads, const T* x, const T* w, int64_t n, int64_t k, int64_t m, bool adds, T* out);
// d_x = d_out w (`adds`: d_x += it), and adds d_out^T x to d_w.
template <typename T>
void linear_backward(Threads& threads, const T* x, const T* w, const T* d_out, int64_t n, int64_t k,
                     int64_t m, bool adds, T* d_x, T* d_w);

}  // namespace hearth::train
