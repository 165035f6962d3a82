// The table of kernels that each instruction set exports. Plain structs and function pointers only: per-ISA
// translation units include this file (docs/architecture.md, "Compute").
//
// Every kernel computes an element of its output by the same operations in the same order whatever else it is
// asked to compute beside it; the contract of tensor/backend.h rests on this. Shapes have been checked above.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hearth::cpu {

// Activations rounded to integers, to be multiplied with quantised weights: x ~ scale * q, |q| <= 127. A
// scale is shared by as many elements as a block of the weights has (32 or 256), so that the dot product of
// two blocks is an integer, exact in any order of summation.
struct QuantizedRows {
  int8_t* q;      // [n, k], rows aligned to 32 bytes
  float* scales;  // [n, k / block elements]
  int16_t* sums;  // [n, k / 16], of each 16 q
};

// Dequantises elements begin .. begin + count - 1 of a row, whole blocks of its type, whose number (a
// tensor::DType) is handed through.
using DequantizePart = void (*)(int type, const void* row, int64_t begin, int64_t count, float* out) noexcept;

// out[i, r] = sum_j x[i, j] w[r, j] for rows row_begin <= r < row_end of w and 0 <= i < n.
struct MatmulTask {
  const void* w;        // row 0 of the weights
  int64_t w_row_bytes;  // from one row to the next
  int64_t k;            // elements of a row
  int64_t row_begin;
  int64_t row_end;
  const float* x;      // [n, k]: for F32, F16 and BF16 weights
  QuantizedRows q;     // for quantised weights
  const void* packed;  // for TileKernels and Bf16Kernels: what pack() wrote
  int64_t n;
  float* out;  // [n, out_stride]
  int64_t out_stride;
  void* scratch;  // for TileKernels and Bf16Kernels: scratch_bytes(n), aligned to 64 bytes
  // For Bf16Kernels::dequantized.
  DequantizePart dequantize;
  int type;
};
using MatmulKernel = void (*)(const MatmulTask& task) noexcept;

// One kernel per weight type; null where a set has none.
struct MatmulKernels {
  MatmulKernel f32;
  MatmulKernel f16;
  MatmulKernel bf16;
  MatmulKernel q4_0;
  MatmulKernel q8_0;
  MatmulKernel q4_k;
  MatmulKernel q5_k;
  MatmulKernel q6_k;
};

// A kernel for several activation rows, and how many make it the faster one.
struct TileKernel {
  int64_t min_rows;
  MatmulKernel multiply;
};

// Kernels that unpack weights once for several activation rows; bit-identical to the set's others.
struct TileKernels {
  // Size of n quantised rows in the tiles' order, `block` elements to a scale; the kernels' scratch memory.
  // They and pack are null where kernels take the rows as they are.
  size_t (*packed_bytes)(int64_t n, int64_t k, int64_t block) noexcept;
  size_t (*scratch_bytes)(int64_t n) noexcept;
  // Packs the tiles of rows 16 tile_begin .. 16 tile_end (of n).
  void (*pack)(const QuantizedRows& rows, int64_t n, int64_t k, int64_t block, int64_t tile_begin,
               int64_t tile_end, void* packed) noexcept;
  TileKernel q4_0;
  TileKernel q8_0;
  TileKernel q4_k;
  TileKernel q5_k;
  TileKernel q6_k;
};

// `count` columns of a dense matrix, or rows of its transposed one: element (p, i) at
// from[p * depth_stride + i * count_stride]; one of the strides is 1.
struct GemmStrip {
  const float* from;
  int64_t depth_stride;
  int64_t count_stride;
  int64_t depth;
  int64_t count;
  int64_t width;  // of the packed strip, at least count
};

// A tile of a product of two dense matrices, of which each step has what it needs side by side.
struct GemmKernel {
  int64_t rows;            // of a tile
  int64_t columns;         // of a tile
  int64_t element_bytes;   // of what is packed
  int64_t depth_multiple;  // packed strips are so deep
  // Around all packing and tiles of a thread's product; null: nothing is to be done.
  void (*begin)() noexcept;
  void (*end)() noexcept;
  // Strips of the left and of the right matrix, in an order of the kernel's own, zeros from depth and from
  // count on. They write up to kGemmSlackBytes beyond it.
  void (*pack_left)(const GemmStrip& strip, void* to) noexcept;
  void (*pack_right)(const GemmStrip& strip, void* to) noexcept;
  // c[i, j] = sum_p a[p, i] b[p, j] (c += where `adds`), summed in the order of p.
  // a a strip of `rows`, b one of `columns`, c [rows, c_stride]
  void (*tile)(int64_t depth, const void* a, const void* b, bool adds, float* c, int64_t c_stride) noexcept;
};
constexpr int64_t kGemmSlackBytes = 64;

// Expands a row of the cache to floats: n elements, a whole number of its type's blocks.
using ExpandRow = void (*)(const void* row, int64_t n, float* out) noexcept;
// Expands n elements of 16 rows side by side: element i of row r to out[i * stride + r]. n is a multiple
// of 32.
using ExpandSixteen = void (*)(const char* const* rows, int64_t n, int64_t stride, float* out) noexcept;

struct ExpandKernel {
  ExpandRow row;
  ExpandSixteen sixteen;  // null where a set has none
};

// One for each type that a cache may have.
struct ExpandKernels {
  ExpandKernel f32;
  ExpandKernel f16;
  ExpandKernel bf16;
  ExpandKernel q8_0;
  ExpandKernel q4_0;
};

// Attention of some tokens' query heads over one KV head's cache, positions begin <= p < end; as online
// softmax state, so that ranges can be merged. Query row r = token * group + head; its token stands at
// position first_position + token and sees no later one, unless visible_end says so.
struct AttentionTask {
  const float* q;  // row (token, head) at token * q_token_stride + head * head_dim
  int64_t q_token_stride;
  int64_t n_tokens;
  int64_t group;  // query heads that share the KV head
  int64_t first_position;
  const void* k;  // [n_blocks, n_kv_heads, block_tokens] rows of k_row_bytes, as expand_k expands them
  const void* v;  // the same with v_row_bytes and expand_v; null: values are the beginnings of their keys
  int64_t k_row_bytes;
  int64_t v_row_bytes;
  ExpandKernel expand_k;
  ExpandKernel expand_v;
  const int32_t* block_table;
  int64_t block_tokens;
  int64_t n_kv_heads;
  int64_t kv_head;
  int64_t head_dim;
  int64_t v_head_dim;
  int64_t begin;  // a multiple of kAttentionChunk
  int64_t end;
  float scale;
  float soft_cap;       // 0: none
  int64_t window;       // 0: none; else a token at p sees positions > p - window
  int64_t visible_end;  // 0: causal; else every token sees the positions before it
  // [n_tokens * group, v_head_dim + 2]: per row the weighted sum of values, then the largest score (-infinity
  // where the row sees nothing of the range), then the sum of weights.
  float* state;
  // Aligned to 64 bytes; [kAttentionChunk, head_dim + the larger of both], but for Bf16Kernels.
  float* scratch;
};
inline constexpr int64_t kAttentionChunk = 32;  // positions that one update of the softmax covers

// Products and attention in bf16 (tensor::Phase::kPrefill): both sides are rounded to it, sums are f32. They
// unpack weights, and keys and values, once for many rows, and a row's bits are the same for any number of
// them. Types that have none are multiplied by the others' rules.
struct Bf16Kernels {
  // Size of n activation rows in the tiles' order; the kernels' scratch memory.
  size_t (*packed_bytes)(int64_t n, int64_t k) noexcept;
  size_t (*scratch_bytes)(int64_t n) noexcept;
  // Packs the tiles of rows 16 tile_begin .. 16 tile_end (of n) of x [n, k].
  void (*pack)(const float* x, int64_t n, int64_t k, int64_t tile_begin, int64_t tile_end,
               void* packed) noexcept;
  MatmulKernels matmul;      // none for F32
  MatmulKernel dequantized;  // of any other type
  // Any number of query rows over all that they see from the task's `begin` on; `scratch` has this size, for
  // n_rows = n_tokens * group.
  size_t (*attention_scratch_bytes)(int64_t n_rows, int64_t head_dim, int64_t v_head_dim) noexcept;
  void (*attention)(const AttentionTask& task) noexcept;
  GemmKernel gemm;  // of dense f32 matrices
};

// One position of the gated delta rule, one head: S = decay S; S += beta k (v - S^T k)^T; out = S^T q.
struct DeltaStep {
  float* state;    // S [key_dim, value_dim]
  const float* q;  // [key_dim], scaled
  const float* k;  // [key_dim], of unit length
  const float* v;  // [value_dim]
  float beta;
  float decay;
  int64_t key_dim;
  int64_t value_dim;
  float* out;  // [value_dim]
};

// One activation: of n elements in place, and of gates that are then multiplied.
struct ActivationKernels {
  void (*activate)(float* x, int64_t n) noexcept;                  // x = activation(x)
  void (*gate)(float* gate, const float* up, int64_t n) noexcept;  // gate = activation(gate) * up
};

struct Kernels {
  // out = x * weight / sqrt(mean(x^2) + epsilon); out may be x
  void (*rms_norm)(const float* x, const float* weight, float epsilon, int64_t width, float* out) noexcept;
  // out = (x - mean(x)) / sqrt(variance(x) + epsilon) * weight + bias; bias may be null, out may be x
  void (*layer_norm)(const float* x, const float* weight, const float* bias, float epsilon, int64_t width,
                     float* out) noexcept;
  ActivationKernels silu;
  ActivationKernels gelu_tanh;
  ActivationKernels gelu_erf;
  void (*add)(float* x, const float* y, int64_t n) noexcept;  // x += y
  void (*scale)(float* x, float factor, int64_t n) noexcept;  // x *= factor
  // Turns pairs (0, 1), (2, 3), ... or (0, n), (1, n + 1), ... of one head.
  void (*rope_interleaved)(float* head, const float* cosines, const float* sines, int64_t n_pairs) noexcept;
  void (*rope_halves)(float* head, const float* cosines, const float* sines, int64_t n_pairs) noexcept;
  void (*to_f16)(const float* x, int64_t n, uint16_t* out) noexcept;
  // One row to integers, `block` elements (a multiple of 32) to a scale.
  void (*quantize)(const float* x, int64_t k, int64_t block, int8_t* q, float* scales,
                   int16_t* sums) noexcept;
  void (*attention)(const AttentionTask& task) noexcept;
  ExpandKernels expand;
  MatmulKernels matmul;
  void (*soft_cap)(float* x, float cap, int64_t n) noexcept;                 // x = cap tanh(x / cap)
  void (*gate_by_sigmoid)(float* x, const float* gate, int64_t n) noexcept;  // x = x sigmoid(gate)
  // g sigmoid(1.702 g) (u + 1) with g = min(gate, limit), u = clamp(up, limit); into gate
  void (*clamped_swiglu)(float* gate, const float* up, float limit, int64_t n) noexcept;
  void (*delta_step)(const DeltaStep& step) noexcept;
  GemmKernel gemm;
};

}  // namespace hearth::cpu
