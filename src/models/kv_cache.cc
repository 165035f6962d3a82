#include "models/kv_cache.h"

#include "base/checked.h"

namespace hearth::models {
namespace {

constexpr tensor::DType kCacheType = tensor::DType::kF16;

uint64_t element_bytes() {
  return tensor::dtype_traits(kCacheType).block_bytes;
}

}  // namespace

uint64_t KvCache::bytes_per_token(std::span<const KvLayerShape> layers) {
  uint64_t bytes = 0;
  for (const KvLayerShape& layer : layers) {
    bytes +=
        static_cast<uint64_t>(layer.n_kv_heads * (layer.k_head_dim + layer.v_head_dim)) * element_bytes();
  }
  return bytes;
}

Result<KvCache> KvCache::create(tensor::Backend& backend, std::span<const KvLayerShape> layers,
                                int64_t n_blocks) {
  uint64_t total_bytes = 0;
  const uint64_t block_bytes = bytes_per_token(layers) * kKvBlockTokens;
  if (n_blocks <= 0 || !checked_mul<uint64_t>(block_bytes, static_cast<uint64_t>(n_blocks), total_bytes)) {
    return make_error(ErrorCode::kResourceExhausted,
                      "KV cache: {} blocks of {} bytes exceed the address space", n_blocks, block_bytes);
  }
  KvCache cache;
  cache.n_blocks_ = n_blocks;
  for (const KvLayerShape& shape : layers) {
    const auto half = [&](int64_t head_dim) -> Result<tensor::Tensor> {
      const tensor::Tensor blocks{
          kCacheType, {n_blocks, shape.n_kv_heads, kKvBlockTokens, head_dim}, nullptr};
      auto buffer = backend.allocate(blocks.size_bytes());
      if (!buffer) return buffer.error().in("KV cache");
      cache.buffers_.push_back(*buffer);
      return tensor::Tensor{blocks.dtype, blocks.shape, (*buffer)->data()};
    };
    HEARTH_ASSIGN(const tensor::Tensor k, half(shape.k_head_dim));
    HEARTH_ASSIGN(const tensor::Tensor v, half(shape.v_head_dim));
    cache.layers_.push_back({k, v});
  }
  return cache;
}

}  // namespace hearth::models
