#include <algorithm>
#include <cmath>
#include <vector>

#include "backends/cpu/ref/ref_backend.h"
#include "quant/quant.h"

namespace hearth::cpu {
namespace {

using tensor::PagedKv;
using tensor::SequenceRows;

// What one query head sees: positions first .. last, and its sink if it has one.
struct View {
  int64_t kv_head;
  int64_t first;
  int64_t last;
  const float* sink;
};

// softmax(score(q K^T)) V, for one query head.
void attend(const float* q, const PagedKv& cache, const SequenceRows& sequence, const View& view,
            const tensor::AttentionArgs& args, float* out) {
  const int64_t head_dim = cache.k.shape[3];
  const int64_t v_head_dim = cache.v.shape[3];
  std::vector<float> row(static_cast<size_t>(std::max(head_dim, v_head_dim)));
  std::vector<double> weights;
  for (int64_t position = view.first; position <= view.last; ++position) {
    quant::dequantize_row(cache.k.dtype, cache_row(cache.k, sequence, position, view.kv_head), row.data(),
                          head_dim);
    double score = 0.0;
    for (int64_t i = 0; i < head_dim; ++i) score += static_cast<double>(q[i]) * row[static_cast<size_t>(i)];
    score *= static_cast<double>(args.scale);
    const double cap = args.soft_cap;
    weights.push_back(cap > 0 ? cap * std::tanh(score / cap) : score);
  }
  double largest = *std::max_element(weights.begin(), weights.end());
  if (view.sink != nullptr) largest = std::max(largest, static_cast<double>(*view.sink));
  double sum = view.sink != nullptr ? std::exp(*view.sink - largest) : 0.0;
  for (double& weight : weights) {
    weight = std::exp(weight - largest);
    sum += weight;
  }
  const tensor::Tensor& values = cache.values_in_keys() ? cache.k : cache.v;
  std::vector<double> mixed(static_cast<size_t>(v_head_dim));
  for (int64_t position = view.first; position <= view.last; ++position) {
    quant::dequantize_row(values.dtype, cache_row(values, sequence, position, view.kv_head), row.data(),
                          v_head_dim);
    const double weight = weights[static_cast<size_t>(position - view.first)] / sum;
    for (size_t i = 0; i < mixed.size(); ++i) mixed[i] += weight * row[i];
  }
  std::transform(mixed.begin(), mixed.end(), out, [](double v) { return static_cast<float>(v); });
}

}  // namespace

void RefBackend::do_attention(const tensor::Tensor& q, const PagedKv& cache,
                              std::span<const SequenceRows> sequences, const tensor::AttentionArgs& args,
                              const tensor::Tensor& out) {
  const int64_t n_heads = q.shape[1];
  const int64_t group = n_heads / cache.k.shape[1];
  for (const SequenceRows& sequence : sequences) {
    for (int64_t token = 0; token < sequence.n_tokens; ++token) {
      for (int64_t head = 0; head < n_heads; ++head) {
        const int64_t row = (sequence.first_row + token) * n_heads + head;
        const int64_t last = sequence.start_position + (args.causal ? token : sequence.n_tokens - 1);
        const int64_t first = args.window > 0 ? std::max<int64_t>(0, last - args.window + 1) : 0;
        const float* sink = args.sinks.data != nullptr ? args.sinks.f32() + head : nullptr;
        attend(q.f32() + row * q.shape[2], cache, sequence, {head / group, first, last, sink}, args,
               out.f32() + row * out.shape[2]);
      }
    }
  }
}

}  // namespace hearth::cpu
