// The memory of the paged KV cache: for each layer, blocks of keys and values. Which block belongs to which
// sequence is the engine's business (engine/block_pool.h).
#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "tensor/backend.h"

namespace hearth::models {

// Tokens of a block. 32: the depth of one bf16 tile product (probabilities times values), and small enough
// that a chat's last, partly filled block wastes little.
constexpr int64_t kKvBlockTokens = 32;

struct KvLayerShape {
  int64_t n_kv_heads = 0;
  int64_t k_head_dim = 0;
  int64_t v_head_dim = 0;
};

// The state of a recurrent layer, per sequence: the last inputs of a convolution and a matrix for each head.
struct RecurrentLayerShape {
  int64_t n_past = 0;  // inputs that the convolution looks back; 0: the layer has no state
  int64_t n_channels = 0;
  int64_t n_heads = 0;
  int64_t key_dim = 0;
  int64_t value_dim = 0;
};

// A layer may have blocks (attention), states (recurrent), or both.
class KvCache {
 public:
  // Zeroed F16 blocks for each layer with KV heads, and F32 states of n_slots sequences for each recurrent
  // one. Pages that no token has reached yet cost no memory.
  static Result<KvCache> create(tensor::Backend& backend, std::span<const KvLayerShape> layers,
                                int64_t n_blocks, std::span<const RecurrentLayerShape> recurrent = {},
                                int64_t n_slots = 0);

  static uint64_t bytes_per_token(std::span<const KvLayerShape> layers);

  int64_t n_blocks() const noexcept { return n_blocks_; }
  const tensor::PagedKv& layer(size_t i) const noexcept { return layers_[i]; }
  const tensor::RecurrentState& state(size_t i) const noexcept { return states_[i]; }

 private:
  Result<tensor::Tensor> allocate(tensor::Backend& backend, tensor::DType dtype, const tensor::Shape& shape);

  int64_t n_blocks_ = 0;
  std::vector<std::shared_ptr<tensor::Buffer>> buffers_;
  std::vector<tensor::PagedKv> layers_;
  std::vector<tensor::RecurrentState> states_;
};

}  // namespace hearth::models
