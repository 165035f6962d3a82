#include "tensor/backend.h"

#include <algorithm>

namespace hearth::tensor {
namespace {

void check_f32(const Tensor& x, size_t rank) {
  HEARTH_CHECK(x.dtype == DType::kF32);
  HEARTH_CHECK(x.shape.rank() == rank);
}

// `window` as in AttentionArgs; with one of 1, only the step's own positions are touched.
void check_sequences(std::span<const SequenceRows> sequences, int64_t n_rows, const PagedKv& cache,
                     int64_t window = 1) {
  const int64_t n_blocks = cache.k.shape[0];
  const int64_t block_tokens = cache.k.shape[2];
  for (const SequenceRows& s : sequences) {
    HEARTH_CHECK(s.first_row >= 0 && s.n_tokens >= 0 && s.start_position >= 0);
    HEARTH_CHECK(s.first_row + s.n_tokens <= n_rows);
    const int64_t n_blocks_used = (s.start_position + s.n_tokens + block_tokens - 1) / block_tokens;
    HEARTH_CHECK(n_blocks_used <= static_cast<int64_t>(s.block_table.size()));
    const int64_t first_position = window > 0 ? std::max<int64_t>(0, s.start_position + 1 - window) : 0;
    for (int64_t i = first_position / block_tokens; i < n_blocks_used; ++i) {
      const int32_t block = s.block_table[static_cast<size_t>(i)];
      HEARTH_CHECK(block >= 0 && block < n_blocks);
    }
  }
}

void check_cache(const Backend& backend, const PagedKv& cache) {
  HEARTH_CHECK(backend.supports_kv_type(cache.k.dtype) && backend.supports_kv_type(cache.v.dtype));
  HEARTH_CHECK(cache.k.shape.rank() == 4 && cache.v.shape.rank() == 4);
  for (const size_t i : {size_t{0}, size_t{1}, size_t{2}}) HEARTH_CHECK(cache.k.shape[i] == cache.v.shape[i]);
  if (cache.values_in_keys()) {
    HEARTH_CHECK(cache.v.dtype == cache.k.dtype && cache.v.shape[3] <= cache.k.shape[3]);
    HEARTH_CHECK(cache.v.shape[3] % dtype_traits(cache.v.dtype).block_elements == 0);
  }
}

void check_state_slots(std::span<const SequenceRows> sequences, int64_t n_rows, int64_t n_slots) {
  for (const SequenceRows& s : sequences) {
    HEARTH_CHECK(s.first_row >= 0 && s.n_tokens >= 0 && s.first_row + s.n_tokens <= n_rows);
    HEARTH_CHECK(s.state_slot >= 0 && s.state_slot < n_slots);
  }
}

bool all_below(std::span<const int32_t> values, int64_t limit) {
  return std::all_of(values.begin(), values.end(), [&](int32_t v) { return v >= 0 && v < limit; });
}

}  // namespace

void Backend::embed(const Tensor& table, std::span<const int32_t> tokens, const Tensor& out) {
  check_f32(out, 2);
  HEARTH_CHECK(table.shape.rank() == 2 && supports_weight(table.dtype));
  HEARTH_CHECK(out.shape == Shape({static_cast<int64_t>(tokens.size()), table.shape[1]}));
  HEARTH_CHECK(all_below(tokens, table.shape[0]));
  do_embed(table, tokens, out);
}

void Backend::rms_norm(const Tensor& x, const Tensor& weight, float epsilon, const Tensor& out) {
  check_f32(x, 2);
  check_f32(weight, 1);
  check_f32(out, 2);
  HEARTH_CHECK(x.shape == out.shape && x.shape[1] == weight.shape[0]);
  do_rms_norm(x, weight, epsilon, out);
}

void Backend::matmul(const Tensor& x, const Tensor& w, const Tensor& out, Phase phase) {
  check_f32(x, 2);
  check_f32(out, 2);
  HEARTH_CHECK(w.shape.rank() == 2 && supports_weight(w.dtype));
  HEARTH_CHECK(x.shape[1] == w.shape[1]);
  HEARTH_CHECK(out.shape == Shape({x.shape[0], w.shape[0]}));
  do_matmul(x, w, out, phase);
}

void Backend::rope(const Tensor& x, std::span<const int32_t> positions, const RopeArgs& args) {
  check_f32(x, 3);
  HEARTH_CHECK(static_cast<int64_t>(positions.size()) == x.shape[0]);
  HEARTH_CHECK(args.n_rotated % 2 == 0 && args.n_rotated <= x.shape[2]);
  HEARTH_CHECK(static_cast<int64_t>(args.inverse_frequencies.size()) == args.n_rotated / 2);
  do_rope(x, positions, args);
}

void Backend::store_kv(const Tensor& k, const Tensor& v, const PagedKv& cache,
                       std::span<const SequenceRows> sequences) {
  check_f32(k, 3);
  check_cache(*this, cache);
  HEARTH_CHECK(k.shape[1] == cache.k.shape[1] && k.shape[2] == cache.k.shape[3]);
  if (!cache.values_in_keys()) {
    check_f32(v, 3);
    HEARTH_CHECK(k.shape[0] == v.shape[0]);
    HEARTH_CHECK(v.shape[1] == cache.v.shape[1] && v.shape[2] == cache.v.shape[3]);
  }
  check_sequences(sequences, k.shape[0], cache);
  do_store_kv(k, v, cache, sequences);
}

void Backend::attention(const Tensor& q, const PagedKv& cache, std::span<const SequenceRows> sequences,
                        const AttentionArgs& args, const Tensor& out) {
  check_f32(q, 3);
  check_f32(out, 3);
  check_cache(*this, cache);
  const int64_t n_kv_heads = cache.k.shape[1];
  HEARTH_CHECK(n_kv_heads > 0 && q.shape[1] % n_kv_heads == 0);
  HEARTH_CHECK(q.shape[2] == cache.k.shape[3]);
  HEARTH_CHECK(out.shape == Shape({q.shape[0], q.shape[1], cache.v.shape[3]}));
  HEARTH_CHECK(args.soft_cap >= 0 && args.window >= 0);
  HEARTH_CHECK(args.causal || args.window == 0);
  if (args.sinks.data != nullptr) {
    check_f32(args.sinks, 1);
    HEARTH_CHECK(args.sinks.shape[0] == q.shape[1]);
  }
  check_sequences(sequences, q.shape[0], cache, args.window);
  do_attention(q, cache, sequences, args, out);
}

void Backend::activate_gate(Activation activation, const Tensor& gate, const Tensor& up) {
  check_f32(gate, 2);
  check_f32(up, 2);
  HEARTH_CHECK(gate.shape == up.shape);
  do_activate_gate(activation, gate, up);
}

void Backend::add(const Tensor& x, const Tensor& y) {
  HEARTH_CHECK(x.dtype == DType::kF32 && y.dtype == DType::kF32 && x.shape == y.shape);
  do_add(x, y);
}

void Backend::add_bias(const Tensor& x, const Tensor& bias) {
  check_f32(x, 2);
  check_f32(bias, 1);
  HEARTH_CHECK(x.shape[1] == bias.shape[0]);
  do_add_bias(x, bias);
}

void Backend::scale(const Tensor& x, float factor) {
  HEARTH_CHECK(x.dtype == DType::kF32);
  do_scale(x, factor);
}

void Backend::activate(Activation activation, const Tensor& x) {
  check_f32(x, 2);
  do_activate(activation, x);
}

void Backend::layer_norm(const Tensor& x, const Tensor& weight, const Tensor* bias, float epsilon,
                         const Tensor& out) {
  check_f32(x, 2);
  check_f32(weight, 1);
  check_f32(out, 2);
  HEARTH_CHECK(x.shape == out.shape && x.shape[1] == weight.shape[0]);
  if (bias != nullptr) {
    check_f32(*bias, 1);
    HEARTH_CHECK(bias->shape == weight.shape);
  }
  do_layer_norm(x, weight, bias, epsilon, out);
}

void Backend::route(const Tensor& logits, const RouteArgs& args, const Tensor& experts,
                    const Tensor& weights) {
  check_f32(logits, 2);
  check_f32(weights, 2);
  HEARTH_CHECK(experts.dtype == DType::kI32 && experts.shape == weights.shape);
  HEARTH_CHECK(experts.shape[0] == logits.shape[0]);
  HEARTH_CHECK(experts.shape[1] >= 1 && experts.shape[1] <= logits.shape[1]);
  const int64_t n_experts = logits.shape[1];
  if (args.selection_bias.data != nullptr) {
    check_f32(args.selection_bias, 1);
    HEARTH_CHECK(args.selection_bias.shape[0] == n_experts);
  }
  if (args.expert_scale.data != nullptr) {
    check_f32(args.expert_scale, 1);
    HEARTH_CHECK(args.expert_scale.shape[0] == n_experts);
  }
  HEARTH_CHECK(args.n_groups >= 1 && n_experts % args.n_groups == 0);
  HEARTH_CHECK(args.n_groups_used >= 1 && args.n_groups_used <= args.n_groups);
  const int64_t group_size = n_experts / args.n_groups;
  HEARTH_CHECK(args.group_best >= 1 && args.group_best <= group_size);
  HEARTH_CHECK(experts.shape[1] <= args.n_groups_used * group_size);
  do_route(logits, args, experts, weights);
}

void Backend::matmul_experts(const Tensor& x, const Tensor& w, const Tensor& experts, const Tensor& out,
                             Phase phase) {
  check_f32(x, 3);
  check_f32(out, 3);
  HEARTH_CHECK(w.shape.rank() == 3 && supports_weight(w.dtype));
  HEARTH_CHECK(experts.dtype == DType::kI32 && experts.shape.rank() == 2);
  HEARTH_CHECK(x.shape[0] == experts.shape[0] && (x.shape[1] == 1 || x.shape[1] == experts.shape[1]));
  HEARTH_CHECK(x.shape[2] == w.shape[2]);
  HEARTH_CHECK(out.shape == Shape({experts.shape[0], experts.shape[1], w.shape[1]}));
  do_matmul_experts(x, w, experts, out, phase);
}

void Backend::combine_experts(const Tensor& x, const Tensor& weights, const Tensor& out) {
  check_f32(x, 3);
  check_f32(weights, 2);
  check_f32(out, 2);
  HEARTH_CHECK(x.shape[0] == weights.shape[0] && x.shape[1] == weights.shape[1]);
  HEARTH_CHECK(out.shape == Shape({x.shape[0], x.shape[2]}));
  do_combine_experts(x, weights, out);
}

void Backend::take_rows(const Tensor& x, std::span<const int32_t> rows, const Tensor& out) {
  check_f32(x, 2);
  check_f32(out, 2);
  HEARTH_CHECK(out.shape == Shape({static_cast<int64_t>(rows.size()), x.shape[1]}));
  HEARTH_CHECK(all_below(rows, x.shape[0]));
  do_take_rows(x, rows, out);
}

void Backend::soft_cap(const Tensor& x, float cap) {
  HEARTH_CHECK(x.dtype == DType::kF32 && cap > 0);
  do_soft_cap(x, cap);
}

void Backend::gate_by_sigmoid(const Tensor& x, const Tensor& gate) {
  check_f32(x, 2);
  check_f32(gate, 2);
  HEARTH_CHECK(gate.shape[0] == x.shape[0] && (gate.shape[1] == 1 || gate.shape[1] == x.shape[1]));
  do_gate_by_sigmoid(x, gate);
}

void Backend::clamped_swiglu(const Tensor& gate, const Tensor& up, float limit) {
  check_f32(gate, 2);
  check_f32(up, 2);
  HEARTH_CHECK(gate.shape == up.shape && limit > 0);
  do_clamped_swiglu(gate, up, limit);
}

void Backend::add_expert_bias(const Tensor& x, const Tensor& bias, const Tensor& experts) {
  check_f32(x, 3);
  check_f32(bias, 2);
  HEARTH_CHECK(experts.dtype == DType::kI32 && experts.shape == Shape({x.shape[0], x.shape[1]}));
  HEARTH_CHECK(x.shape[2] == bias.shape[1]);
  do_add_expert_bias(x, bias, experts);
}

void Backend::copy_columns(const Tensor& from, int64_t from_first, const Tensor& to, int64_t to_first,
                           int64_t count) {
  check_f32(from, 2);
  check_f32(to, 2);
  HEARTH_CHECK(from.shape[0] == to.shape[0]);
  HEARTH_CHECK(count >= 0 && from_first >= 0 && from_first + count <= from.shape[1]);
  HEARTH_CHECK(to_first >= 0 && to_first + count <= to.shape[1]);
  do_copy_columns(from, from_first, to, to_first, count);
}

void Backend::gather_columns(const Tensor& x, const Tensor& columns, const Tensor& out) {
  check_f32(x, 2);
  check_f32(out, 2);
  HEARTH_CHECK(columns.dtype == DType::kI32 && columns.shape.rank() == 1);
  HEARTH_CHECK(out.shape == Shape({x.shape[0], columns.shape[0]}));
  do_gather_columns(x, columns, out);
}

void Backend::matmul_heads(const Tensor& x, const Tensor& w, const Tensor& out) {
  check_f32(x, 3);
  check_f32(out, 3);
  HEARTH_CHECK(w.shape.rank() == 3 && supports_weight(w.dtype));
  HEARTH_CHECK(x.shape[1] == w.shape[0] && x.shape[2] == w.shape[2]);
  HEARTH_CHECK(out.shape == Shape({x.shape[0], w.shape[0], w.shape[1]}));
  do_matmul_heads(x, w, out);
}

void Backend::causal_conv(const Tensor& x, const Tensor& weight, const RecurrentState& state,
                          std::span<const SequenceRows> sequences, const Tensor& out) {
  check_f32(x, 2);
  check_f32(weight, 2);
  check_f32(state.conv, 3);
  check_f32(out, 2);
  HEARTH_CHECK(out.shape == x.shape && weight.shape[0] == x.shape[1] && weight.shape[1] >= 2);
  HEARTH_CHECK(state.conv.shape[1] == weight.shape[1] - 1 && state.conv.shape[2] == x.shape[1]);
  check_state_slots(sequences, x.shape[0], state.conv.shape[0]);
  do_causal_conv(x, weight, state, sequences, out);
}

void Backend::gated_delta_rule(const DeltaRuleInputs& inputs, const RecurrentState& state,
                               std::span<const SequenceRows> sequences, const Tensor& out) {
  const DeltaRuleInputs& in = inputs;
  check_f32(in.q, 3);
  check_f32(in.v, 3);
  check_f32(state.delta, 4);
  check_f32(out, 3);
  const int64_t n = in.v.shape[0];
  const int64_t n_heads = in.v.shape[1];
  HEARTH_CHECK(in.k.dtype == DType::kF32 && in.k.shape == in.q.shape && in.q.shape[0] == n);
  HEARTH_CHECK(in.q.shape[1] > 0 && n_heads % in.q.shape[1] == 0);
  for (const Tensor& gate : {in.beta, in.alpha}) {
    HEARTH_CHECK(gate.dtype == DType::kF32 && gate.shape == Shape({n, n_heads}));
  }
  for (const Tensor& weight : {in.decay, in.dt_bias}) {
    HEARTH_CHECK(weight.dtype == DType::kF32 && weight.shape == Shape({n_heads}));
  }
  const Shape& s = state.delta.shape;
  HEARTH_CHECK(s[1] == n_heads && s[2] == in.q.shape[2] && s[3] == in.v.shape[2]);
  HEARTH_CHECK(out.shape == in.v.shape);
  check_state_slots(sequences, n, s[0]);
  do_gated_delta_rule(inputs, state, sequences, out);
}

}  // namespace hearth::tensor
