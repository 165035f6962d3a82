#include "models/blocks/latent_attention.h"

#include <algorithm>
#include <cmath>

namespace hearth::models {

using tensor::Tensor;

Result<LatentAttentionConfig> read_latent_attention_config(const ConfigReader& reader, int64_t width,
                                                           const RopeConfig& rope) {
  LatentAttentionConfig c;
  c.width = width;
  HEARTH_ASSIGN(c.n_heads, reader.count("attention.head_count"));
  const bool has_mla_keys = reader.has("attention.key_length_mla");
  const std::string_view k_key = has_mla_keys ? "attention.key_length_mla" : "attention.key_length";
  const std::string_view v_key = has_mla_keys ? "attention.value_length_mla" : "attention.value_length";
  const std::string_view rank_key = "attention.kv_lora_rank";
  HEARTH_ASSIGN(const int64_t head_dim, reader.count(k_key));
  HEARTH_ASSIGN(c.v_head_dim, reader.count(v_key));
  HEARTH_ASSIGN(c.kv_rank, reader.count(rank_key));
  HEARTH_ASSIGN(c.q_rank, reader.count_or("attention.q_lora_rank", 0));
  const int64_t longest = ConfigReader::kMaxCount / c.n_heads;
  const std::string range = fmt::format("1 to {}", longest);
  if (head_dim > longest) return reader.error(k_key, range, head_dim);
  if (c.v_head_dim > longest) return reader.error(v_key, range, c.v_head_dim);
  if (c.kv_rank > longest) return reader.error(rank_key, range, c.kv_rank);
  c.turned_dim = rope.n_rotated;
  c.plain_dim = head_dim - rope.n_rotated;
  if (c.plain_dim <= 0) {
    return reader.error(k_key, fmt::format("more than rope.dimension_count = {}", rope.n_rotated), head_dim);
  }
  c.scale = 1.0F / std::sqrt(static_cast<float>(head_dim));
  return c;
}

Result<LatentAttention> LatentAttention::load(WeightReader& weights, const std::string& prefix,
                                              const LatentAttentionConfig& c) {
  LatentAttention block;
  block.config_ = c;
  HEARTH_TRY(block.load_queries(weights, prefix));
  HEARTH_ASSIGN(block.kv_a_, Linear::load(weights, prefix + ".attn_kv_a_mqa", c.cached_dim(), c.width));
  HEARTH_ASSIGN(block.kv_a_norm_, Norm::load(weights, prefix + ".attn_kv_a_norm", c.kv_rank, c.norm));
  HEARTH_TRY(block.load_heads(weights, prefix));
  HEARTH_ASSIGN(block.output_,
                Linear::load(weights, prefix + ".attn_output", c.width, c.n_heads * c.v_head_dim));
  return block;
}

Result<void> LatentAttention::load_queries(WeightReader& weights, const std::string& prefix) {
  const LatentAttentionConfig& c = config_;
  const int64_t q_width = c.n_heads * c.head_dim();
  if (c.q_rank == 0) {
    HEARTH_ASSIGN(q_, Linear::load(weights, prefix + ".attn_q", q_width, c.width));
    return {};
  }
  HEARTH_ASSIGN(q_a_, Linear::load(weights, prefix + ".attn_q_a", c.q_rank, c.width));
  HEARTH_ASSIGN(q_a_norm_, Norm::load(weights, prefix + ".attn_q_a_norm", c.q_rank, c.norm));
  HEARTH_ASSIGN(q_, Linear::load(weights, prefix + ".attn_q_b", q_width, c.q_rank));
  return {};
}

Result<void> LatentAttention::load_heads(WeightReader& weights, const std::string& prefix) {
  const LatentAttentionConfig& c = config_;
  const std::string both = prefix + ".attn_kv_b.weight";
  const std::string k_name = prefix + ".attn_k_b.weight";
  if (weights.has(both) && !weights.has(k_name)) return split_heads(weights, both);
  weights.ignore(both);  // some files have it beside the others
  HEARTH_ASSIGN(k_b_, weights.matrix(k_name, {c.n_heads, c.kv_rank, c.plain_dim}));
  HEARTH_ASSIGN(v_b_, weights.matrix(prefix + ".attn_v_b.weight", {c.n_heads, c.v_head_dim, c.kv_rank}));
  return {};
}

// Per head plain_dim rows of the key's projection, then v_head_dim rows of the value's.
Result<void> LatentAttention::split_heads(WeightReader& weights, const std::string& name) {
  const LatentAttentionConfig& c = config_;
  const int64_t head_rows = c.plain_dim + c.v_head_dim;
  HEARTH_ASSIGN(const std::vector<float> both, weights.host_matrix(name, {c.n_heads * head_rows, c.kv_rank}));
  const auto size_of = [&](int64_t dim) { return static_cast<size_t>(c.n_heads * dim * c.kv_rank); };
  std::vector<float> k(size_of(c.plain_dim));
  std::vector<float> v(size_of(c.v_head_dim));
  for (int64_t head = 0; head < c.n_heads; ++head) {
    const float* rows = both.data() + head * head_rows * c.kv_rank;
    float* to = k.data() + head * c.plain_dim * c.kv_rank;
    for (int64_t i = 0; i < c.plain_dim; ++i) {
      for (int64_t r = 0; r < c.kv_rank; ++r) to[r * c.plain_dim + i] = rows[i * c.kv_rank + r];
    }
    std::copy_n(rows + c.plain_dim * c.kv_rank, c.v_head_dim * c.kv_rank,
                v.data() + head * c.v_head_dim * c.kv_rank);
  }
  HEARTH_ASSIGN(const OwnedWeight k_b, weights.make({c.n_heads, c.kv_rank, c.plain_dim}, k));
  HEARTH_ASSIGN(const OwnedWeight v_b, weights.make({c.n_heads, c.v_head_dim, c.kv_rank}, v));
  k_b_ = k_b.tensor;
  v_b_ = v_b.tensor;
  k_b_memory_ = k_b.memory;
  v_b_memory_ = v_b.memory;
  return {};
}

size_t LatentAttention::workspace_bytes(int64_t n_rows) const {
  const LatentAttentionConfig& c = config_;
  const auto heads = [&](int64_t dim) { return Workspace::bytes_for({n_rows, c.n_heads * dim}); };
  const size_t queries = heads(c.head_dim()) + heads(c.plain_dim) + heads(c.turned_dim) + heads(c.kv_rank) +
                         Workspace::bytes_for({n_rows, c.q_rank});
  const size_t latent = Workspace::bytes_for({n_rows, c.cached_dim()}) +
                        Workspace::bytes_for({n_rows, c.kv_rank}) +
                        Workspace::bytes_for({n_rows, c.turned_dim});
  const size_t attended = heads(c.kv_rank) + heads(c.v_head_dim);
  return heads(c.cached_dim()) + std::max({queries, latent, attended});
}

void LatentAttention::project_queries(const StepContext& step, const Tensor& x, const Tensor& q) const {
  if (config_.q_rank == 0) return q_.apply(step, x, q);
  const Workspace::Scope scope(step.workspace);
  const Tensor inner = step.workspace.take({step.n_rows(), config_.q_rank});
  q_a_.apply(step, x, inner);
  q_a_norm_.apply(step, inner, inner);
  q_.apply(step, inner, q);
}

void LatentAttention::absorb_queries(const StepContext& step, const Tensor& x, const Tensor& absorbed) const {
  const Workspace::Scope scope(step.workspace);
  const LatentAttentionConfig& c = config_;
  const int64_t n = step.n_rows();
  const int64_t n_heads = n * c.n_heads;  // of all rows
  const Tensor q = step.workspace.take({n_heads, c.head_dim()});
  const Tensor plain = step.workspace.take({n_heads, c.plain_dim});
  const Tensor turned = step.workspace.take({n_heads, c.turned_dim});
  const Tensor latent = step.workspace.take({n_heads, c.kv_rank});
  tensor::Backend& backend = step.backend;
  project_queries(step, x, q.reshaped({n, c.n_heads * c.head_dim()}));
  backend.copy_columns(q, 0, plain, 0, c.plain_dim);
  backend.copy_columns(q, c.plain_dim, turned, 0, c.turned_dim);
  backend.matmul_heads(plain.reshaped({n, c.n_heads, c.plain_dim}), k_b_,
                       latent.reshaped({n, c.n_heads, c.kv_rank}));
  backend.rope(turned.reshaped({n, c.n_heads, c.turned_dim}), step.input.positions, c.rope->args());
  const Tensor to = absorbed.reshaped({n_heads, c.cached_dim()});
  backend.copy_columns(latent, 0, to, 0, c.kv_rank);
  backend.copy_columns(turned, 0, to, c.kv_rank, c.turned_dim);
}

void LatentAttention::store_latent(const StepContext& step, const tensor::PagedKv& cache,
                                   const Tensor& x) const {
  const Workspace::Scope scope(step.workspace);
  const LatentAttentionConfig& c = config_;
  const int64_t n = step.n_rows();
  const Tensor row = step.workspace.take({n, c.cached_dim()});
  const Tensor latent = step.workspace.take({n, c.kv_rank});
  const Tensor turned = step.workspace.take({n, c.turned_dim});
  tensor::Backend& backend = step.backend;
  kv_a_.apply(step, x, row);
  backend.copy_columns(row, 0, latent, 0, c.kv_rank);
  backend.copy_columns(row, c.kv_rank, turned, 0, c.turned_dim);
  kv_a_norm_.apply(step, latent, latent);
  backend.rope(turned.reshaped({n, 1, c.turned_dim}), step.input.positions, c.rope->args());
  backend.copy_columns(latent, 0, row, 0, c.kv_rank);
  backend.copy_columns(turned, 0, row, c.kv_rank, c.turned_dim);
  backend.store_kv(row.reshaped({n, 1, c.cached_dim()}), {}, cache, step.sequences);
}

void LatentAttention::apply(const StepContext& step, const tensor::PagedKv& cache, const Tensor& x,
                            const Tensor& out) const {
  const Workspace::Scope scope(step.workspace);
  const LatentAttentionConfig& c = config_;
  const int64_t n = step.n_rows();
  const Tensor absorbed = step.workspace.take({n, c.n_heads, c.cached_dim()});
  absorb_queries(step, x, absorbed);
  store_latent(step, cache, x);
  const Tensor attended = step.workspace.take({n, c.n_heads, c.kv_rank});
  const Tensor values = step.workspace.take({n, c.n_heads, c.v_head_dim});
  tensor::AttentionArgs args{c.scale};
  args.weights = output_.dtype();
  step.backend.attention(absorbed, cache, step.sequences, args, attended);
  step.backend.matmul_heads(attended, v_b_, values);
  output_.apply(step, values.reshaped({n, c.n_heads * c.v_head_dim}), out);
}

}  // namespace hearth::models
