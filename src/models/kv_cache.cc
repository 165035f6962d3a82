#include "models/kv_cache.h"

#include "base/checked.h"
#include "models/kv_groups.h"

namespace hearth::models {
namespace {

using tensor::DType;

uint64_t head_bytes(DType dtype, int64_t head_dim) {
  const tensor::DTypeTraits& traits = tensor::dtype_traits(dtype);
  const uint64_t n_blocks =
      (static_cast<uint64_t>(head_dim) + traits.block_elements - 1) / traits.block_elements;
  return n_blocks * traits.block_bytes;
}

Result<void> check_type(const tensor::Backend& backend, const char* what, DType dtype, int64_t head_dim) {
  if (!backend.supports_kv_type(dtype)) {
    return make_error(ErrorCode::kInvalidArgument, "KV cache: {} of type {}: {} cannot hold them so", what,
                      tensor::dtype_name(dtype), backend.description());
  }
  const int64_t block = tensor::dtype_traits(dtype).block_elements;
  if (head_dim % block != 0) {
    return make_error(
        ErrorCode::kInvalidArgument,
        "KV cache: {} of type {}: expected heads of a multiple of {} elements, found {}; F16 and "
        "BF16 take any",
        what, tensor::dtype_name(dtype), block, head_dim);
  }
  return {};
}

Result<void> check_size(std::span<const KvLayerShape> layers, std::span<const KvGroup> groups,
                        const KvTypes& types) {
  uint64_t total_bytes = 0;
  for (const KvLayerShape& layer : layers) {
    const int64_t n_blocks = groups[kv_group_of(layer, groups)].n_blocks;
    const uint64_t block_bytes = KvCache::bytes_per_token({&layer, 1}, types) * kKvBlockTokens;
    uint64_t layer_bytes = 0;
    if (n_blocks <= 0 || !checked_mul<uint64_t>(block_bytes, static_cast<uint64_t>(n_blocks), layer_bytes) ||
        !checked_add<uint64_t>(total_bytes, layer_bytes, total_bytes)) {
      return make_error(ErrorCode::kResourceExhausted,
                        "KV cache: {} blocks of {} bytes for each of {} layers exceed the address space",
                        n_blocks, block_bytes, layers.size());
    }
  }
  return {};
}

}  // namespace

uint64_t KvCache::bytes_per_token(std::span<const KvLayerShape> layers, const KvTypes& types) {
  uint64_t bytes = 0;
  for (const KvLayerShape& layer : layers) {
    if (layer.shared_with) continue;
    const uint64_t v_bytes = layer.values_in_keys ? 0 : head_bytes(types.v, layer.v_head_dim);
    bytes += static_cast<uint64_t>(layer.n_kv_heads) * (head_bytes(types.k, layer.k_head_dim) + v_bytes);
  }
  return bytes;
}

Result<void> KvCache::check_types(const tensor::Backend& backend, std::span<const KvLayerShape> layers,
                                  const KvTypes& types) {
  for (const KvLayerShape& layer : layers) {
    HEARTH_TRY(check_type(backend, "keys", types.k, layer.k_head_dim));
    HEARTH_TRY(check_type(backend, "values", layer.values_in_keys ? types.k : types.v, layer.v_head_dim));
  }
  return {};
}

Result<tensor::Tensor> KvCache::allocate(tensor::Backend& backend, DType dtype, const tensor::Shape& shape) {
  const tensor::Tensor tensor{dtype, shape, nullptr};
  if (shape.n_elements() == 0) return tensor;
  auto buffer = backend.allocate(tensor.size_bytes());
  if (!buffer) return buffer.error().in("KV cache");
  buffers_.push_back(*buffer);
  return tensor::Tensor{dtype, shape, (*buffer)->data()};
}

Result<KvCache> KvCache::create(tensor::Backend& backend, std::span<const KvLayerShape> layers,
                                std::span<const KvGroup> groups, const KvTypes& types,
                                std::span<const RecurrentLayerShape> recurrent, int64_t n_slots) {
  HEARTH_CHECK(!groups.empty());
  HEARTH_CHECK(recurrent.empty() || recurrent.size() == layers.size());
  HEARTH_TRY(check_types(backend, layers, types));
  HEARTH_TRY(check_size(layers, groups, types));
  KvCache cache;
  cache.groups_.assign(groups.begin(), groups.end());
  for (size_t i = 0; i < layers.size(); ++i) {
    const KvLayerShape& kv = layers[i];
    if (kv.shared_with) {
      HEARTH_CHECK(*kv.shared_with < i);
      cache.layers_.push_back(cache.layers_[*kv.shared_with]);
      continue;
    }
    const RecurrentLayerShape state = recurrent.empty() ? RecurrentLayerShape{} : recurrent[i];
    LayerCache layer;
    layer.kv_group = kv_group_of(kv, groups);
    const int64_t n_blocks = groups[layer.kv_group].n_blocks;
    HEARTH_ASSIGN(layer.kv.k,
                  cache.allocate(backend, types.k, {n_blocks, kv.n_kv_heads, kKvBlockTokens, kv.k_head_dim}));
    const tensor::Shape v_shape{n_blocks, kv.n_kv_heads, kKvBlockTokens, kv.v_head_dim};
    if (kv.values_in_keys) {
      layer.kv.v = {types.k, v_shape, nullptr};
    } else {
      HEARTH_ASSIGN(layer.kv.v, cache.allocate(backend, types.v, v_shape));
    }
    HEARTH_ASSIGN(layer.state.conv,
                  cache.allocate(backend, DType::kF32, {n_slots, state.n_past, state.n_channels}));
    HEARTH_ASSIGN(
        layer.state.delta,
        cache.allocate(backend, DType::kF32, {n_slots, state.n_heads, state.key_dim, state.value_dim}));
    cache.layers_.push_back(layer);
  }
  return cache;
}

}  // namespace hearth::models
