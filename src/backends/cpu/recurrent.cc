// Ops along the positions of a sequence, with a state that outlives the step.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "backends/cpu/cpu_backend_impl.h"

namespace hearth::cpu {
namespace {

using tensor::DeltaRuleInputs;
using tensor::RecurrentState;
using tensor::SequenceRows;
using tensor::Tensor;

// x / sqrt(x x + epsilon), times `scale`.
void to_unit_length(const float* x, int64_t n, double scale, float* out) {
  double squares = 0.0;
  for (int64_t i = 0; i < n; ++i) squares += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  const auto factor =
      static_cast<float>(scale / std::sqrt(squares + static_cast<double>(tensor::kUnitLengthEpsilon)));
  for (int64_t i = 0; i < n; ++i) out[i] = x[i] * factor;
}

float sigmoid(float x) {
  return static_cast<float>(1.0 / (1.0 + std::exp(-static_cast<double>(x))));
}

// exp(decay * softplus(step))
float decay_of(float decay, double step) {
  const double softplus = step > 30.0 ? step : std::log1p(std::exp(step));
  return static_cast<float>(std::exp(static_cast<double>(decay) * softplus));
}

}  // namespace

void CpuBackend::do_causal_conv(const Tensor& x, const Tensor& weight, const RecurrentState& state,
                                std::span<const SequenceRows> sequences, const Tensor& out) {
  const int64_t n_channels = x.shape[1];
  const int64_t kernel = weight.shape[1];
  const int64_t n_past = kernel - 1;
  for (const SequenceRows& s : sequences) {
    if (s.n_tokens == 0) continue;
    float* past = state.conv.f32() + s.state_slot * n_past * n_channels;
    if (s.start_position == 0) std::fill(past, past + n_past * n_channels, 0.0F);
    // Row i of the past followed by the step.
    const auto row_at = [&](int64_t i) {
      return i < n_past ? past + i * n_channels : x.f32() + (s.first_row + i - n_past) * n_channels;
    };
    parallel(s.n_tokens, 1, kernel * n_channels, [&](int, int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) {
        float* sums = out.f32() + (s.first_row + t) * n_channels;
        std::fill(sums, sums + n_channels, 0.0F);
        for (int64_t j = 0; j < kernel; ++j) {
          const float* row = row_at(t + j);
          for (int64_t c = 0; c < n_channels; ++c) sums[c] += weight.f32()[c * kernel + j] * row[c];
        }
        kernels_.silu.activate(sums, n_channels);
      }
    });
    // Forwards: with few tokens, rows of the past move within it.
    for (int64_t j = 0; j < n_past; ++j) {
      std::memmove(past + j * n_channels, row_at(s.n_tokens + j),
                   static_cast<size_t>(n_channels) * sizeof(float));
    }
  }
}

void CpuBackend::do_gated_delta_rule(const DeltaRuleInputs& in, const RecurrentState& state,
                                     std::span<const SequenceRows> sequences, const Tensor& out) {
  const int64_t n_heads = in.v.shape[1];
  const int64_t n_key_heads = in.q.shape[1];
  const int64_t key_dim = in.q.shape[2];
  const int64_t value_dim = in.v.shape[2];
  const double scale = 1.0 / std::sqrt(static_cast<double>(key_dim));

  const auto advance_head = [&](const SequenceRows& s, int64_t head, int thread) {
    auto& scratch = thread_scratch_[static_cast<size_t>(thread)];
    auto* q = static_cast<float*>(scratch.take(static_cast<size_t>(2 * key_dim) * sizeof(float)));
    float* k = q + key_dim;
    float* matrix = state.delta.f32() + (s.state_slot * n_heads + head) * key_dim * value_dim;
    if (s.start_position == 0) std::fill(matrix, matrix + key_dim * value_dim, 0.0F);
    for (int64_t row = s.first_row; row < s.first_row + s.n_tokens; ++row) {
      const int64_t key_row = (row * n_key_heads + head % n_key_heads) * key_dim;
      const int64_t at = row * n_heads + head;
      to_unit_length(in.q.f32() + key_row, key_dim, scale, q);
      to_unit_length(in.k.f32() + key_row, key_dim, 1.0, k);
      const double step =
          static_cast<double>(in.alpha.f32()[at]) + static_cast<double>(in.dt_bias.f32()[head]);
      kernels_.delta_step({matrix, q, k, in.v.f32() + at * value_dim, sigmoid(in.beta.f32()[at]),
                           decay_of(in.decay.f32()[head], step), key_dim, value_dim,
                           out.f32() + at * value_dim});
    }
  };
  int64_t n_tokens = 0;
  for (const SequenceRows& s : sequences) n_tokens = std::max(n_tokens, s.n_tokens);
  const int64_t n_pairs = static_cast<int64_t>(sequences.size()) * n_heads;
  parallel(n_pairs, 1, n_tokens * key_dim * value_dim, [&](int thread, int64_t begin, int64_t end) {
    for (int64_t pair = begin; pair < end; ++pair) {
      const SequenceRows& s = sequences[static_cast<size_t>(pair / n_heads)];
      if (s.n_tokens > 0) advance_head(s, pair % n_heads, thread);
    }
  });
}

}  // namespace hearth::cpu
