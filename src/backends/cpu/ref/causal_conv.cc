#include <algorithm>
#include <cmath>
#include <vector>

#include "backends/cpu/ref/ref_backend.h"

namespace hearth::cpu {

void RefBackend::do_causal_conv(const tensor::Tensor& x, const tensor::Tensor& weight,
                                const tensor::RecurrentState& state,
                                std::span<const tensor::SequenceRows> sequences, const tensor::Tensor& out) {
  const int64_t n_channels = x.shape[1];
  const int64_t kernel = weight.shape[1];
  const int64_t n_past = kernel - 1;
  for (const tensor::SequenceRows& s : sequences) {
    float* past = state.conv.f32() + s.state_slot * n_past * n_channels;
    for (int64_t c = 0; c < n_channels; ++c) {
      // The sequence as this channel saw it: what came before the step, then the step.
      std::vector<double> inputs;
      for (int64_t j = 0; j < n_past; ++j)
        inputs.push_back(s.start_position == 0 ? 0.0F : past[j * n_channels + c]);
      for (int64_t t = 0; t < s.n_tokens; ++t) inputs.push_back(x.f32()[(s.first_row + t) * n_channels + c]);
      for (int64_t t = 0; t < s.n_tokens; ++t) {
        double sum = 0.0;
        for (int64_t j = 0; j < kernel; ++j)
          sum += weight.f32()[c * kernel + j] * inputs[static_cast<size_t>(t + j)];
        out.f32()[(s.first_row + t) * n_channels + c] = static_cast<float>(sum / (1.0 + std::exp(-sum)));
      }
      for (int64_t j = 0; j < n_past; ++j)
        past[j * n_channels + c] = static_cast<float>(inputs[static_cast<size_t>(s.n_tokens + j)]);
    }
  }
}

}  // namespace hearth::cpu
