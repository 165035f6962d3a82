// The memory of the paged KV cache: for each layer, blocks of keys and values. Which block belongs to which
// sequence is the engine's business (engine/block_pool.h).
#pragma once

#include <memory>
#include <optional>
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
  int64_t window = 0;           // positions that one sees, itself among them; 0: all before it
  bool values_in_keys = false;  // values are the beginnings of their keys, without memory of their own
  std::optional<size_t> shared_with = {};  // the earlier layer of this shape whose cache is this one's too
};

// Layers whose blocks are given out together, of every sequence in the same order (models/kv_groups.h).
struct KvGroup {
  int64_t window = 0;  // of its layers; 0: they see everything
  int64_t n_blocks = 0;
};

// The state of a recurrent layer, per sequence: the last inputs of a convolution and a matrix for each head.
struct RecurrentLayerShape {
  int64_t n_past = 0;  // inputs that the convolution looks back; 0: the layer has no state
  int64_t n_channels = 0;
  int64_t n_heads = 0;
  int64_t key_dim = 0;
  int64_t value_dim = 0;
};

// How keys and values are held: F16, BF16, Q8_0 or Q4_0.
struct KvTypes {
  tensor::DType k = tensor::DType::kF16;
  tensor::DType v = tensor::DType::kF16;
};

// What a layer keeps of past tokens: blocks (attention) or states (recurrent layers). The other is empty.
struct LayerCache {
  tensor::PagedKv kv;
  size_t kv_group = 0;  // whose block tables say where its blocks are
  tensor::RecurrentState state;
};

class KvCache {
 public:
  // Zeroed blocks for each layer with KV heads, as many as its group has (kv_group_of), and F32 states of
  // n_slots sequences for each recurrent one; `recurrent` is empty or has an element for each layer. Pages
  // that no token has reached yet cost no memory. kInvalidArgument for a type that the backend has no cache
  // of, or whose blocks a layer's heads do not fill; kResourceExhausted, with the numbers, where memory does
  // not suffice.
  static Result<KvCache> create(tensor::Backend& backend, std::span<const KvLayerShape> layers,
                                std::span<const KvGroup> groups, const KvTypes& types = {},
                                std::span<const RecurrentLayerShape> recurrent = {}, int64_t n_slots = 0);

  // The errors of create() for these types.
  static Result<void> check_types(const tensor::Backend& backend, std::span<const KvLayerShape> layers,
                                  const KvTypes& types);

  // Memory. A block that a head does not fill counts whole.
  static uint64_t bytes_per_token(std::span<const KvLayerShape> layers, const KvTypes& types = {});

  std::span<const KvGroup> groups() const noexcept { return groups_; }
  const LayerCache& layer(size_t i) const noexcept { return layers_[i]; }

 private:
  Result<tensor::Tensor> allocate(tensor::Backend& backend, tensor::DType dtype, const tensor::Shape& shape);

  std::vector<KvGroup> groups_;
  std::vector<std::shared_ptr<tensor::Buffer>> buffers_;
  std::vector<LayerCache> layers_;
};

}  // namespace hearth::models
