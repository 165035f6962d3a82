// What every backend that computes in host memory shares: memory, and weights used where they are.
#pragma once

#include "tensor/backend.h"

namespace hearth::cpu {

class HostBackend : public tensor::Backend {
 public:
  // Zeroed, aligned to 64 bytes; large buffers to 2 MiB, on huge pages where the system grants them.
  Result<std::shared_ptr<tensor::Buffer>> allocate(size_t size_bytes) override;
  bool supports_weight(tensor::DType dtype) const noexcept override;
  Result<tensor::Tensor> import_weight(const tensor::Tensor& host) override;
  void synchronize() override {}
  void read(const tensor::Tensor& from, std::span<float> to) override;
  void write(std::span<const float> from, const tensor::Tensor& to) override;
};

// The cache holds f16 (more types: here, and in store_kv and attention).
inline void check_cache_dtype(const tensor::PagedKv& cache) {
  HEARTH_CHECK(cache.k.dtype == tensor::DType::kF16 && cache.v.dtype == tensor::DType::kF16);
}

// Where token `position` of a sequence stands in a cache tensor: the first element of its head's row.
inline int64_t cache_offset(const tensor::Tensor& cache, const tensor::SequenceRows& sequence,
                            int64_t position, int64_t kv_head) {
  const int64_t block_tokens = cache.shape[2];
  const int64_t block = sequence.block_table[static_cast<size_t>(position / block_tokens)];
  return ((block * cache.shape[1] + kv_head) * block_tokens + position % block_tokens) * cache.shape[3];
}

}  // namespace hearth::cpu
