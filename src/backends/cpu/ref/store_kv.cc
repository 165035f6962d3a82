#include "backends/cpu/ref/ref_backend.h"
#include "quant/quant.h"

namespace hearth::cpu {
namespace {

void store(const tensor::Tensor& from, const tensor::Tensor& cache, const tensor::SequenceRows& sequence) {
  const int64_t n_kv_heads = cache.shape[1];
  const int64_t head_dim = cache.shape[3];
  for (int64_t token = 0; token < sequence.n_tokens; ++token) {
    for (int64_t head = 0; head < n_kv_heads; ++head) {
      const float* elements = from.f32() + ((sequence.first_row + token) * n_kv_heads + head) * head_dim;
      quant::quantize_row(cache.dtype, elements,
                          cache_row(cache, sequence, sequence.start_position + token, head), head_dim);
    }
  }
}

}  // namespace

void RefBackend::do_store_kv(const tensor::Tensor& k, const tensor::Tensor& v, const tensor::PagedKv& cache,
                             std::span<const tensor::SequenceRows> sequences) {
  for (const tensor::SequenceRows& sequence : sequences) {
    store(k, cache.k, sequence);
    if (!cache.values_in_keys()) store(v, cache.v, sequence);
  }
}

}  // namespace hearth::cpu
