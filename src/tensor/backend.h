// The one compute interface: memory, and a closed list of ops. Models and the engine see only this; apps/
// names a concrete backend.
//
// Contracts of every op:
//  - Activations are F32; weights may be of any dtype that supports_weight() accepts.
//  - Shapes are checked here, once, before the backend's own code runs. A mismatch is our bug (HEARTH_CHECK):
//  whoever
//    reads a model file has compared its tensors with the architecture before building anything from them.
//  - Inputs and outputs do not overlap, except where an op says "in place".
//  - Ops run in the order of the calls. Their results may be read after synchronize().
//  - Row i of an output depends on row i of the inputs (and on its phase) only, bit by bit: not on how many
//    other rows stand in the batch, nor on the number of threads. Where a backend has a faster op without
//    this property, it says so.
//
// One thread at a time may use a backend. Oracle of every op: backends/cpu/ref.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "base/result.h"
#include "tensor/tensor.h"

namespace hearth::tensor {

// Memory of a backend, freed with the last handle. Its contents start as zeros.
class Buffer {
 public:
  virtual ~Buffer() = default;
  virtual void* data() noexcept = 0;
  virtual size_t size_bytes() const noexcept = 0;
};

// How rotary embedding pairs the elements of a head.
enum class RopeStyle {
  kInterleaved,  // (0,1), (2,3), ...: the original; GGUF's llama, whose q and k rows are permuted for it
  kHalves,       // (0, n/2), (1, n/2+1), ...: "NeoX"; qwen, gemma, phi, and most others
};

// Rotary embedding (arXiv:2104.09864) with any of its scalings folded into the frequencies: position p turns
// pair i by the angle p * inverse_frequencies[i], and the result is multiplied by `magnitude` (1 except for
// YaRN).
struct RopeArgs {
  RopeStyle style = RopeStyle::kInterleaved;
  int64_t n_rotated = 0;                       // elements of a head that turn, from its start; even
  std::span<const float> inverse_frequencies;  // [n_rotated / 2], host memory
  float magnitude = 1.0F;
};

// One layer's paged cache, keys and values each of a type that supports_kv_type() accepts. Token t of a
// sequence stands in block block_table[t / block_tokens], at slot t % block_tokens. Source: arXiv:2309.06180
// section 4.1. Per head contiguous within a block, because attention reads one KV head at a time.
struct PagedKv {
  Tensor k;  // [n_blocks, n_kv_heads, block_tokens, head_dim]
  Tensor v;  // the same shape with the value's head_dim

  // Without memory of their own, values are the first elements of their keys, and of the keys' type:
  // multi-head latent attention, arXiv:2405.04434 section 2.1.
  bool values_in_keys() const noexcept { return v.data == nullptr; }
};

// In a block table: the cache no longer holds what stood there.
inline constexpr int32_t kNoBlock = -1;

// What rows are evaluated for. A backend may have kernels of its own for each, which round
// differently: units that are fast for many rows are slow for one. A row's bits depend on its phase, never on
// how many others come with it.
enum class Phase {
  kPrefill,  // reading what is given: prompts, texts to embed or to measure
  kDecode,   // generating, a row at a time for each sequence
};

// The tokens of one sequence in a step: rows first_row .. first_row + n_tokens - 1 of the batch, standing at
// positions start_position ... of their sequence.
struct SequenceRows {
  int64_t first_row = 0;
  int64_t n_tokens = 0;
  int64_t start_position = 0;
  // Long enough for start_position + n_tokens; host memory. Blocks in which no row of the step sees a
  // position (AttentionArgs::window) are not touched, and may be kNoBlock.
  std::span<const int32_t> block_table;
  int64_t state_slot = 0;  // of models with a recurrent state
  Phase phase = Phase::kDecode;
};

// What a feed-forward applies to its inner elements. Source: arXiv:1606.08415 (GELU), arXiv:1702.03118
// (SiLU).
enum class Activation {
  kSilu,      // x / (1 + exp(-x))
  kGeluTanh,  // x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))): "gelu_new", "gelu_pytorch_tanh"
  kGeluErf,   // x / 2 * (1 + erf(x / sqrt(2))): "gelu"
};

struct AttentionArgs {
  float scale = 1.0F;     // of q k^T, usually 1 / sqrt(head_dim)
  float soft_cap = 0.0F;  // if not 0, scores become soft_cap * tanh(score / soft_cap)
  int64_t window = 0;     // if not 0, position p sees only the last `window` positions, p among them
  // [n_heads] f32, or nothing: logits of a position without a value that each head may attend to instead of
  // the sequence. Source: arXiv:2309.17453, in gpt-oss's form.
  Tensor sinks = {};
  // If not, every row sees all positions of its sequence, those behind it too; without a window.
  bool causal = true;
  // Of the products around it. In kPrefill a backend may round what attention multiplies as it rounds the
  // factors of products with such weights; F32 and F16: not below F32.
  DType weights = DType::kF32;
};

enum class RouteScore { kSoftmax, kSigmoid };

// How a mixture of experts weighs the experts that it chose: the softmax over all experts' logits (or each
// logit's sigmoid), the n_used best taken (ties: the lower index), then, with `renormalize`, scaled to sum to
// 1, then multiplied by `scale` and the expert's own factor. Source: arXiv:2401.04088 section 2.1.
// Renormalised, softmax is the same as a softmax over the chosen logits alone.
//
// With a bias or groups, experts are chosen by score + bias and weighed by score; of `n_groups` equal groups
// of neighbouring experts only the n_groups_used take part whose `group_best` best experts have the largest
// sum. Source: arXiv:2412.19437 section 2.1.2.
struct RouteArgs {
  bool renormalize = true;
  RouteScore score = RouteScore::kSoftmax;
  float scale = 1.0F;
  Tensor selection_bias = {};  // [n_experts] f32, or nothing
  int64_t n_groups = 1;
  int64_t n_groups_used = 1;
  int64_t group_best = 1;
  Tensor expert_scale = {};  // [n_experts] f32, or nothing
};

// One layer's state of recurrent sequences, updated by the ops that take it. A sequence owns the row
// SequenceRows::state_slot; where it starts (start_position 0) its row counts as zeros, whatever it holds.
// Positions must be fed in order, each once.
struct RecurrentState {
  Tensor conv;   // [n_slots, kernel - 1, n_channels] f32: the last inputs of the convolution, oldest first
  Tensor delta;  // [n_slots, n_heads, key_dim, value_dim] f32
};

// The delta rule brings vectors to unit length as x / sqrt(x x + this).
inline constexpr float kUnitLengthEpsilon = 1e-6F;

// The delta rule's inputs of a step, all f32. A head of keys serves the value heads h with h % n_key_heads
// equal to its index.
struct DeltaRuleInputs {
  Tensor q, k;     // [n, n_key_heads, key_dim]
  Tensor v;        // [n, n_heads, value_dim]
  Tensor beta;     // [n, n_heads], before its sigmoid
  Tensor alpha;    // [n, n_heads], before its softplus
  Tensor decay;    // [n_heads], negative
  Tensor dt_bias;  // [n_heads]
};

class Backend {
 public:
  virtual ~Backend() = default;

  // "cpu (avx512, 2 threads)"
  virtual std::string description() const = 0;

  // kResourceExhausted with the numbers if the memory cannot be had.
  virtual Result<std::shared_ptr<Buffer>> allocate(size_t size_bytes) = 0;
  // Whether weights of this type can be multiplied and looked up.
  virtual bool supports_weight(DType dtype) const noexcept = 0;
  // Whether a cache may hold keys or values of this type. Rows of head_dim elements must be whole blocks of
  // it.
  virtual bool supports_kv_type(DType dtype) const noexcept { return dtype == DType::kF16; }
  // Makes host memory usable by this backend: in place where it can (then `host` must outlive the tensor),
  // else a copy. The caller has checked supports_weight for matrices.
  virtual Result<Tensor> import_weight(const Tensor& host) = 0;
  virtual void synchronize() = 0;
  // Backend memory to host memory and back; both wait for earlier ops.
  virtual void read(const Tensor& from, std::span<float> to) = 0;
  virtual void write(std::span<const float> from, const Tensor& to) = 0;

  // out[i, :] = table[tokens[i], :]
  //   table [vocab, width] any weight type;  tokens [n], each < vocab;  out [n, width] f32, overwritten
  void embed(const Tensor& table, std::span<const int32_t> tokens, const Tensor& out);

  // out = x * weight / sqrt(mean(x^2) + epsilon), per row. Source: arXiv:1910.07467.
  //   x [n, width] f32;  weight [width] f32;  out [n, width] f32, may be x itself
  void rms_norm(const Tensor& x, const Tensor& weight, float epsilon, const Tensor& out);

  // out = x w^T
  //   x [n, k] f32;  w [m, k] any weight type;  out [n, m] f32, overwritten
  void matmul(const Tensor& x, const Tensor& w, const Tensor& out, Phase phase = Phase::kDecode);

  // Turns q or k in place.
  //   x [n, n_heads, head_dim] f32, head_dim >= args.n_rotated;  positions [n]
  void rope(const Tensor& x, std::span<const int32_t> positions, const RopeArgs& args);

  // Writes a step's keys and values into the cache, rounded to its types.
  //   k, v [n, n_kv_heads, head_dim] f32;  every row of a sequence goes to its position's slot;  v is not
  //   looked at where cache.values_in_keys()
  void store_kv(const Tensor& k, const Tensor& v, const PagedKv& cache,
                std::span<const SequenceRows> sequences);

  // Attention of a step's queries over the cache, which holds this step's own keys and values too (store_kv
  // comes first). The row at position p sees positions 0..p, or the last of them (args.window), or those of
  // the whole sequence (args.causal). Query head h reads KV head h / (n_heads / n_kv_heads).
  //   q [n, n_heads, head_dim] f32;  out [n, n_heads, v_head_dim] f32, overwritten
  //   n_heads % n_kv_heads == 0
  void attention(const Tensor& q, const PagedKv& cache, std::span<const SequenceRows> sequences,
                 const AttentionArgs& args, const Tensor& out);

  // gate = activation(gate) * up, in place. Source: arXiv:2002.05202 (SwiGLU, GEGLU).
  //   gate, up [n, width] f32
  void activate_gate(Activation activation, const Tensor& gate, const Tensor& up);

  // x += y, in place.  x, y: f32, same shape
  void add(const Tensor& x, const Tensor& y);

  // x[i, :] += bias, in place.  x [n, width] f32;  bias [width] f32
  void add_bias(const Tensor& x, const Tensor& bias);

  // x *= factor, in place.  x: f32
  void scale(const Tensor& x, float factor);

  // x = activation(x), in place.  x [n, width] f32
  void activate(Activation activation, const Tensor& x);

  // out = (x - mean(x)) / sqrt(variance(x) + epsilon) * weight + bias, per row; the variance is that of the
  // population. Source: arXiv:1607.06450.
  //   x [n, width] f32;  weight [width] f32;  bias [width] f32, or null: none
  //   out [n, width] f32, may be x itself
  void layer_norm(const Tensor& x, const Tensor& weight, const Tensor* bias, float epsilon,
                  const Tensor& out);

  // Chooses each row's experts.
  //   logits [n, n_experts] f32;  experts [n, n_used] i32, weights [n, n_used] f32, both overwritten, the
  //   best first 1 <= n_used <= n_experts
  void route(const Tensor& logits, const RouteArgs& args, const Tensor& experts, const Tensor& weights);

  // out[i, j, :] = x[i, j, :] w[experts[i, j]]^T, reading each expert that is used once.
  //   x [n, n_used, k] f32, or [n, 1, k]: the same row for every expert;  w [n_experts, m, k] any weight type
  //   experts [n, n_used] i32, from route();  out [n, n_used, m] f32, overwritten
  void matmul_experts(const Tensor& x, const Tensor& w, const Tensor& experts, const Tensor& out,
                      Phase phase = Phase::kDecode);

  // out[i, :] = sum over j of weights[i, j] * x[i, j, :], in the order of j
  //   x [n, n_used, width] f32;  weights [n, n_used] f32;  out [n, width] f32, overwritten
  void combine_experts(const Tensor& x, const Tensor& weights, const Tensor& out);

  // out[i, :] = x[rows[i], :]: picks the rows whose logits are wanted.
  //   x [n, width] f32;  rows each < n;  out [rows.size(), width] f32, overwritten
  void take_rows(const Tensor& x, std::span<const int32_t> rows, const Tensor& out);

  // x = cap * tanh(x / cap), in place.  x f32, cap > 0.  Source: arXiv:2408.00118 section 2.
  void soft_cap(const Tensor& x, float cap);

  // x *= sigmoid(gate), in place.
  //   x [n, width] f32;  gate [n, width] f32, or [n, 1]: one gate for a row
  void gate_by_sigmoid(const Tensor& x, const Tensor& gate);

  // gate = g * sigmoid(1.702 g) * (u + 1), in place, where g = min(gate, limit) and u = up held to
  // -limit..limit. Source: gpt-oss's reference implementation.
  //   gate, up [n, width] f32;  limit > 0
  void clamped_swiglu(const Tensor& gate, const Tensor& up, float limit);

  // x[i, j, :] += bias[experts[i, j], :], in place.
  //   x [n, n_used, width] f32;  bias [n_experts, width] f32;  experts [n, n_used] i32, from route()
  void add_expert_bias(const Tensor& x, const Tensor& bias, const Tensor& experts);

  // to[:, to_first : to_first + count] = from[:, from_first : from_first + count]: takes rows apart and puts
  // them together.
  //   from [n, width] f32;  to [n, another width] f32
  void copy_columns(const Tensor& from, int64_t from_first, const Tensor& to, int64_t to_first,
                    int64_t count);

  // out[i, j] = x[i, columns[j]]: columns in another order.
  //   x [n, width] f32;  columns [count] i32, each from 0 to width - 1 (whoever made it has checked it)
  //   out [n, count] f32, overwritten
  void gather_columns(const Tensor& x, const Tensor& columns, const Tensor& out);

  // out[i, h, :] = x[i, h, :] w[h]^T: each head has a matrix of its own.
  //   x [n, n_heads, k] f32;  w [n_heads, m, k] any weight type;  out [n, n_heads, m] f32, overwritten
  void matmul_heads(const Tensor& x, const Tensor& w, const Tensor& out);

  // out[t, c] = silu(sum over j of weight[c, j] * x[t - kernel + 1 + j, c]), along the positions of each
  // sequence; inputs of earlier steps come from state.conv, which then holds the last of this one.
  //   x, out [n, n_channels] f32;  weight [n_channels, kernel] f32, kernel >= 2
  void causal_conv(const Tensor& x, const Tensor& weight, const RecurrentState& state,
                   std::span<const SequenceRows> sequences, const Tensor& out);

  // Gated linear attention by the delta rule, position by position along each sequence. Per value head, with
  // q and k at unit length, b = sigmoid(beta), g = exp(decay * softplus(alpha + dt_bias)):
  //   S = g S;  S += b k (v - S^T k)^T;  out = S^T q / sqrt(key_dim)
  // S is state.delta.  out [n, n_heads, value_dim] f32.  Source: arXiv:2412.06464.
  void gated_delta_rule(const DeltaRuleInputs& inputs, const RecurrentState& state,
                        std::span<const SequenceRows> sequences, const Tensor& out);

 protected:
  virtual void do_embed(const Tensor& table, std::span<const int32_t> tokens, const Tensor& out) = 0;
  virtual void do_rms_norm(const Tensor& x, const Tensor& weight, float epsilon, const Tensor& out) = 0;
  virtual void do_matmul(const Tensor& x, const Tensor& w, const Tensor& out, Phase phase) = 0;
  virtual void do_rope(const Tensor& x, std::span<const int32_t> positions, const RopeArgs& args) = 0;
  virtual void do_store_kv(const Tensor& k, const Tensor& v, const PagedKv& cache,
                           std::span<const SequenceRows> sequences) = 0;
  virtual void do_attention(const Tensor& q, const PagedKv& cache, std::span<const SequenceRows> sequences,
                            const AttentionArgs& args, const Tensor& out) = 0;
  virtual void do_activate_gate(Activation activation, const Tensor& gate, const Tensor& up) = 0;
  virtual void do_add(const Tensor& x, const Tensor& y) = 0;
  virtual void do_add_bias(const Tensor& x, const Tensor& bias) = 0;
  virtual void do_scale(const Tensor& x, float factor) = 0;
  virtual void do_activate(Activation activation, const Tensor& x) = 0;
  virtual void do_layer_norm(const Tensor& x, const Tensor& weight, const Tensor* bias, float epsilon,
                             const Tensor& out) = 0;
  virtual void do_route(const Tensor& logits, const RouteArgs& args, const Tensor& experts,
                        const Tensor& weights) = 0;
  virtual void do_matmul_experts(const Tensor& x, const Tensor& w, const Tensor& experts, const Tensor& out,
                                 Phase phase) = 0;
  virtual void do_combine_experts(const Tensor& x, const Tensor& weights, const Tensor& out) = 0;
  virtual void do_take_rows(const Tensor& x, std::span<const int32_t> rows, const Tensor& out) = 0;
  virtual void do_soft_cap(const Tensor& x, float cap) = 0;
  virtual void do_gate_by_sigmoid(const Tensor& x, const Tensor& gate) = 0;
  virtual void do_clamped_swiglu(const Tensor& gate, const Tensor& up, float limit) = 0;
  virtual void do_add_expert_bias(const Tensor& x, const Tensor& bias, const Tensor& experts) = 0;
  virtual void do_copy_columns(const Tensor& from, int64_t from_first, const Tensor& to, int64_t to_first,
                               int64_t count) = 0;
  virtual void do_gather_columns(const Tensor& x, const Tensor& columns, const Tensor& out) = 0;
  virtual void do_matmul_heads(const Tensor& x, const Tensor& w, const Tensor& out) = 0;
  virtual void do_causal_conv(const Tensor& x, const Tensor& weight, const RecurrentState& state,
                              std::span<const SequenceRows> sequences, const Tensor& out) = 0;
  virtual void do_gated_delta_rule(const DeltaRuleInputs& inputs, const RecurrentState& state,
                                   std::span<const SequenceRows> sequences, const Tensor& out) = 0;
};

}  // namespace hearth::tensor
