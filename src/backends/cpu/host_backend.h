// What every backend that computes in host memory shares: memory, and weights used where they are.
#pragma once

#include "tensor/backend.h"

namespace hearth::cpu {

class HostBackend : public tensor::Backend {
 public:
  // Zeroed, aligned to 64 bytes; large buffers to 2 MiB, on huge pages where the system grants them.
  Result<std::shared_ptr<tensor::Buffer>> allocate(size_t size_bytes) override;
  bool supports_weight(tensor::DType dtype) const noexcept override;
  bool supports_kv_type(tensor::DType dtype) const noexcept override;  // F32, F16, BF16, Q8_0, Q4_0
  Result<tensor::Tensor> import_weight(const tensor::Tensor& host) override;
  void synchronize() override {}
  void read(const tensor::Tensor& from, std::span<float> to) override;
  void write(std::span<const float> from, const tensor::Tensor& to) override;
};

// Bytes of one head's key or value.
inline int64_t cache_row_bytes(const tensor::Tensor& cache) {
  return static_cast<int64_t>(*tensor::row_bytes(cache.dtype, static_cast<uint64_t>(cache.shape[3])));
}

// Where token `position` of a sequence stands in a cache tensor: its head's row.
inline std::byte* cache_row(const tensor::Tensor& cache, const tensor::SequenceRows& sequence,
                            int64_t position, int64_t kv_head) {
  const int64_t block_tokens = cache.shape[2];
  const int64_t block = sequence.block_table[static_cast<size_t>(position / block_tokens)];
  const int64_t row = (block * cache.shape[1] + kv_head) * block_tokens + position % block_tokens;
  return cache.as<std::byte>() + row * cache_row_bytes(cache);
}

}  // namespace hearth::cpu
