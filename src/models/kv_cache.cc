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

Result<tensor::Tensor> KvCache::allocate(tensor::Backend& backend, tensor::DType dtype,
                                         const tensor::Shape& shape) {
  const tensor::Tensor tensor{dtype, shape, nullptr};
  if (shape.n_elements() == 0) return tensor;
  auto buffer = backend.allocate(tensor.size_bytes());
  if (!buffer) return buffer.error().in("KV cache");
  buffers_.push_back(*buffer);
  return tensor::Tensor{dtype, shape, (*buffer)->data()};
}

Result<KvCache> KvCache::create(tensor::Backend& backend, std::span<const KvLayerShape> layers,
                                int64_t n_blocks, std::span<const RecurrentLayerShape> recurrent,
                                int64_t n_slots) {
  uint64_t total_bytes = 0;
  const uint64_t block_bytes = bytes_per_token(layers) * kKvBlockTokens;
  if (n_blocks <= 0 || !checked_mul<uint64_t>(block_bytes, static_cast<uint64_t>(n_blocks), total_bytes)) {
    return make_error(ErrorCode::kResourceExhausted,
                      "KV cache: {} blocks of {} bytes exceed the address space", n_blocks, block_bytes);
  }
  KvCache cache;
  cache.n_blocks_ = n_blocks;
  for (const KvLayerShape& shape : layers) {
    const auto half = [&](int64_t head_dim) {
      return cache.allocate(backend, kCacheType, {n_blocks, shape.n_kv_heads, kKvBlockTokens, head_dim});
    };
    HEARTH_ASSIGN(const tensor::Tensor k, half(shape.k_head_dim));
    HEARTH_ASSIGN(const tensor::Tensor v, half(shape.v_head_dim));
    cache.layers_.push_back({k, v});
  }
  for (const RecurrentLayerShape& shape : recurrent) {
    constexpr tensor::DType kStateType = tensor::DType::kF32;
    HEARTH_ASSIGN(const tensor::Tensor conv,
                  cache.allocate(backend, kStateType, {n_slots, shape.n_past, shape.n_channels}));
    HEARTH_ASSIGN(
        const tensor::Tensor delta,
        cache.allocate(backend, kStateType, {n_slots, shape.n_heads, shape.key_dim, shape.value_dim}));
    cache.states_.push_back({conv, delta});
  }
  return cache;
}

}  // namespace hearth::models
