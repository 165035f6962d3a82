#include <cmath>
#include <vector>

#include "backends/cpu/ref/ref_backend.h"

namespace hearth::cpu {
namespace {

std::vector<double> unit_vector(const float* x, int64_t n) {
  std::vector<double> unit(x, x + n);
  double squares = 0.0;
  for (const double v : unit) squares += v * v;
  for (double& v : unit) v /= std::sqrt(squares + static_cast<double>(tensor::kUnitLengthEpsilon));
  return unit;
}

// One position of one head; `s` is [key_dim, value_dim].
void advance(std::vector<double>& s, const std::vector<double>& q, const std::vector<double>& k,
             const float* v, double beta, double decay, int64_t value_dim, float* out) {
  const auto width = static_cast<size_t>(value_dim);
  for (double& element : s) element *= decay;
  for (size_t j = 0; j < width; ++j) {
    double recalled = 0.0;
    for (size_t i = 0; i < k.size(); ++i) recalled += s[i * width + j] * k[i];
    const double correction = beta * (v[j] - recalled);
    double answer = 0.0;
    for (size_t i = 0; i < k.size(); ++i) {
      // Rounded as it will be stored, so that a sequence may be cut into steps anywhere.
      s[i * width + j] = static_cast<float>(s[i * width + j] + k[i] * correction);
      answer += s[i * width + j] * q[i];
    }
    out[j] = static_cast<float>(answer / std::sqrt(static_cast<double>(k.size())));
  }
}

}  // namespace

void RefBackend::do_gated_delta_rule(const tensor::DeltaRuleInputs& in, const tensor::RecurrentState& state,
                                     std::span<const tensor::SequenceRows> sequences,
                                     const tensor::Tensor& out) {
  const int64_t n_heads = in.v.shape[1];
  const int64_t n_key_heads = in.q.shape[1];
  const int64_t key_dim = in.q.shape[2];
  const int64_t value_dim = in.v.shape[2];
  for (const tensor::SequenceRows& sequence : sequences) {
    for (int64_t head = 0; head < n_heads; ++head) {
      float* stored = state.delta.f32() + (sequence.state_slot * n_heads + head) * key_dim * value_dim;
      std::vector<double> s(static_cast<size_t>(key_dim * value_dim));
      if (sequence.start_position > 0) s.assign(stored, stored + key_dim * value_dim);
      for (int64_t row = sequence.first_row; row < sequence.first_row + sequence.n_tokens; ++row) {
        const int64_t key_row = (row * n_key_heads + head % n_key_heads) * key_dim;
        const int64_t at = row * n_heads + head;
        const double beta = 1.0 / (1.0 + std::exp(-static_cast<double>(in.beta.f32()[at])));
        const double step = static_cast<double>(in.alpha.f32()[at]) + in.dt_bias.f32()[head];
        const double softplus = step > 30 ? step : std::log1p(std::exp(step));
        advance(s, unit_vector(in.q.f32() + key_row, key_dim), unit_vector(in.k.f32() + key_row, key_dim),
                in.v.f32() + at * value_dim, beta, std::exp(in.decay.f32()[head] * softplus), value_dim,
                out.f32() + at * value_dim);
      }
      for (size_t i = 0; i < s.size(); ++i) stored[i] = static_cast<float>(s[i]);
    }
  }
}

}  // namespace hearth::cpu
