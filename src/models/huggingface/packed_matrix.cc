#include "models/huggingface/packed_matrix.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>

#include "base/excerpt.h"
#include "base/mapped_file.h"
#include "quant/blocks.h"
#include "quant/half.h"

namespace hearth::models {
namespace {

using safetensors::TensorInfo;

constexpr int64_t kBlock = quant::kSmallBlock;
constexpr int64_t kTile = 16;  // rows that are unpacked together: a cache line of qweight

uint32_t word_at(const TensorInfo& tensor, int64_t index) noexcept {
  uint32_t word;
  std::memcpy(&word, tensor.data.data() + static_cast<size_t>(index) * sizeof(word), sizeof(word));
  return word;
}

// Where AWQ puts column c of eight in their word.
constexpr uint32_t kAwqNibble[8] = {0, 4, 1, 5, 2, 6, 3, 7};

// Value i of a stream of `bits` wide ones, the first in the lowest bits; word w of the stream stands at
// first + w * stride. No stream of whole words ends within a value.
uint32_t value_in_stream(const TensorInfo& tensor, int64_t first, int64_t stride, int64_t i,
                         uint32_t bits) noexcept {
  const int64_t bit = i * bits;
  const int64_t word = bit / 32;
  const auto shift = static_cast<uint32_t>(bit % 32);
  uint32_t value = word_at(tensor, first + word * stride) >> shift;
  if (shift + bits > 32) value |= word_at(tensor, first + (word + 1) * stride) << (32 - shift);
  return value & ((1U << bits) - 1);
}

Error unexpected(const TensorInfo& tensor, const std::string& expected) {
  return make_error(ErrorCode::kMalformed, "tensor {}: expected {}, found {} {}", excerpt(tensor.name),
                    expected, safetensors::dtype_name(tensor.dtype), safetensors::shape_text(tensor.shape));
}

Result<void> check_shape(const TensorInfo& tensor, std::vector<int64_t> shape) {
  const bool same = std::ranges::equal(tensor.shape, shape,
                                       [](uint64_t a, int64_t b) { return a == static_cast<uint64_t>(b); });
  if (same) return {};
  std::vector<uint64_t> wanted(shape.begin(), shape.end());
  return unexpected(tensor, "shape " + safetensors::shape_text(wanted));
}

Result<void> check_type(const TensorInfo& tensor, std::initializer_list<safetensors::DType> types) {
  if (std::ranges::find(types, tensor.dtype) != types.end()) return {};
  std::string names;
  for (const safetensors::DType type : types) {
    names += fmt::format("{}{}", names.empty() ? "" : " or ", safetensors::dtype_name(type));
  }
  return unexpected(tensor, names);
}

Result<void> check_there(const TensorInfo* tensor, const std::string& module, std::string_view name) {
  if (tensor != nullptr) return {};
  return make_error(ErrorCode::kMalformed,
                    "tensor {}.{}: expected it beside {}.qweight, found no such tensor", excerpt(module),
                    name, excerpt(module));
}

void set_value(quant::BlockA4& block, int64_t i, uint32_t value) noexcept {
  block.qs[i % 16] = static_cast<uint8_t>(block.qs[i % 16] | (i < 16 ? value : value << 4));
}
void set_value(quant::BlockA8& block, int64_t i, uint32_t value) noexcept {
  block.qs[i] = static_cast<uint8_t>(value);
}

}  // namespace

Result<PackedMatrix> PackedMatrix::of(const std::string& module, const PackedTensors& tensors,
                                      const Packing& packing) {
  PackedMatrix matrix;
  matrix.tensors_ = tensors;
  matrix.packing_ = packing;
  HEARTH_TRY(check_there(tensors.qweight, module, "qweight"));
  HEARTH_TRY(check_there(tensors.qzeros, module, "qzeros"));
  HEARTH_TRY(check_there(tensors.scales, module, "scales"));
  HEARTH_TRY(matrix.read_shapes(module));
  HEARTH_TRY(matrix.read_groups(module));
  return matrix;
}

Result<void> PackedMatrix::read_shapes(const std::string& module) {
  using safetensors::DType;
  const TensorInfo& qweight = *tensors_.qweight;
  HEARTH_TRY(check_type(qweight, {DType::kI32}));
  HEARTH_TRY(check_type(*tensors_.qzeros, {DType::kI32}));
  HEARTH_TRY(check_type(*tensors_.scales, {DType::kF16, DType::kBF16, DType::kF32}));
  // Far below what a product with eight could overflow.
  constexpr uint64_t kMost = uint64_t{1} << 40;
  if (qweight.shape.size() != 2 || qweight.data.empty() || qweight.shape[0] > kMost ||
      qweight.shape[1] > kMost) {
    return unexpected(qweight, "two dimensions, none of them 0");
  }
  const auto first = static_cast<int64_t>(qweight.shape[0]);
  const auto second = static_cast<int64_t>(qweight.shape[1]);
  const bool is_awq = packing_.method == Packing::Method::kAwq;
  const int64_t bits = packing_.bits;
  if (!is_awq && first * 32 % bits != 0) {
    return unexpected(qweight, fmt::format("a first dimension of whole {} bit values", bits));
  }
  k_ = is_awq ? first : first * 32 / bits;
  n_ = is_awq ? second * 8 : second;
  if (k_ % kBlock != 0) {
    return make_error(ErrorCode::kUnsupported, "tensor {}: expected a multiple of {} input columns, found {}",
                      excerpt(qweight.name), kBlock, k_);
  }
  const int64_t group = packing_.group_size == -1 ? k_ : packing_.group_size;
  n_groups_ = (k_ + group - 1) / group;
  if (n_ * bits % 32 != 0) {
    return make_error(ErrorCode::kUnsupported,
                      "tensor {}: expected zeros of {} bits that fill whole words, found {} of them",
                      excerpt(module), bits, n_);
  }
  HEARTH_TRY(check_shape(*tensors_.qzeros, {n_groups_, n_ * bits / 32}));
  return check_shape(*tensors_.scales, {n_groups_, n_});
}

Result<void> PackedMatrix::read_groups(const std::string& module) {
  const int64_t group_size = packing_.group_size == -1 ? k_ : packing_.group_size;
  block_groups_.resize(static_cast<size_t>(k_ / kBlock));
  for (size_t b = 0; b < block_groups_.size(); ++b) {
    block_groups_[b] = static_cast<int32_t>(static_cast<int64_t>(b) * kBlock / group_size);
  }
  if (tensors_.g_idx == nullptr) return {};
  const TensorInfo& g_idx = *tensors_.g_idx;
  HEARTH_TRY(check_type(g_idx, {safetensors::DType::kI32}));
  HEARTH_TRY(check_shape(g_idx, {k_}));
  std::vector<int32_t> groups(static_cast<size_t>(k_));
  std::memcpy(groups.data(), g_idx.data.data(), g_idx.data.size());
  const auto bad = std::ranges::find_if(groups, [&](int32_t g) { return g < 0 || g >= n_groups_; });
  if (bad != groups.end()) {
    return make_error(ErrorCode::kMalformed, "tensor {}: expected groups from 0 to {}, found {} at {}",
                      excerpt(g_idx.name), n_groups_ - 1, *bad, bad - groups.begin());
  }
  std::vector<int32_t> order(groups.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {}, [&](int32_t k) { return groups[static_cast<size_t>(k)]; });
  for (size_t b = 0; b < block_groups_.size(); ++b) {
    const auto group_of = [&](size_t i) { return groups[static_cast<size_t>(order[b * kBlock + i])]; };
    block_groups_[b] = group_of(0);
    if (group_of(kBlock - 1) == block_groups_[b]) continue;
    return make_error(ErrorCode::kUnsupported,
                      "tensor {}: expected groups of a multiple of {} inputs, found one that ends within a "
                      "block ({})",
                      excerpt(g_idx.name), kBlock, excerpt(module));
  }
  if (!std::ranges::is_sorted(order)) order_ = std::move(order);
  return {};
}

uint32_t PackedMatrix::weight(int64_t k, int64_t n) const noexcept {
  if (packing_.method == Packing::Method::kAwq) {
    return word_at(*tensors_.qweight, k * (n_ / 8) + n / 8) >> (4 * kAwqNibble[n % 8]) & 15;
  }
  return value_in_stream(*tensors_.qweight, n, n_, k, packing_.bits);
}

int32_t PackedMatrix::zero(int64_t group, int64_t n) const noexcept {
  if (packing_.method == Packing::Method::kAwq) {
    return static_cast<int32_t>(
        word_at(*tensors_.qzeros, group * (n_ / 8) + n / 8) >> (4 * kAwqNibble[n % 8]) & 15);
  }
  const uint32_t bits = packing_.bits;
  const uint32_t stored = value_in_stream(*tensors_.qzeros, group * (n_ * bits / 32), 1, n, bits);
  // Modulo 2^bits, as the format's own kernels have it.
  return static_cast<int32_t>(packing_.zeros_less_one ? (stored + 1) & ((1U << bits) - 1) : stored);
}

float PackedMatrix::scale(int64_t group, int64_t n) const noexcept {
  const std::byte* data = tensors_.scales->data.data();
  const auto index = static_cast<size_t>(group * n_ + n);
  if (tensors_.scales->dtype == safetensors::DType::kF32) {
    float value;
    std::memcpy(&value, data + index * sizeof(value), sizeof(value));
    return value;
  }
  uint16_t half;
  std::memcpy(&half, data + index * sizeof(half), sizeof(half));
  return tensors_.scales->dtype == safetensors::DType::kF16 ? quant::f16_to_f32(half)
                                                            : quant::bf16_to_f32(half);
}

// The file has the outputs side by side, the blocks have them one above the other: a tile at a time, so that
// what is read of a cache line is used before it is gone.
template <typename Block>
void PackedMatrix::unpack_rows(int64_t begin, int64_t end, Block* blocks) const {
  const int64_t n_blocks = k_ / kBlock;
  for (int64_t tile = begin; tile < end; tile += kTile) {
    const int64_t tile_end = std::min(end, tile + kTile);
    for (int64_t b = 0; b < n_blocks; ++b) {
      const int32_t group = block_groups_[static_cast<size_t>(b)];
      for (int64_t n = tile; n < tile_end; ++n) {
        const auto bits = std::bit_cast<uint32_t>(scale(group, n));
        Block& block = blocks[n * n_blocks + b] = {};
        block.scale[0] = static_cast<uint16_t>(bits);
        block.scale[1] = static_cast<uint16_t>(bits >> 16);
        block.zero = static_cast<int16_t>(zero(group, n));
      }
      for (int64_t i = 0; i < kBlock; ++i) {
        const int64_t at = b * kBlock + i;
        const int64_t k = order_.empty() ? at : order_[static_cast<size_t>(at)];
        for (int64_t n = tile; n < tile_end; ++n) set_value(blocks[n * n_blocks + b], i, weight(k, n));
      }
    }
  }
}

void PackedMatrix::unpack(ThreadPool& pool, std::span<std::byte> blocks) const {
  pool.run([&](int thread) {
    const Range rows = split_range(n_, kTile, thread, pool.size());
    if (dtype() == tensor::DType::kA4) {
      unpack_rows(rows.begin, rows.end, reinterpret_cast<quant::BlockA4*>(blocks.data()));
    } else {
      unpack_rows(rows.begin, rows.end, reinterpret_cast<quant::BlockA8*>(blocks.data()));
    }
  });
}

void PackedMatrix::release() const noexcept {
  for (const TensorInfo* tensor : {tensors_.qweight, tensors_.qzeros, tensors_.scales}) {
    MappedFile::release(tensor->data);
  }
}

}  // namespace hearth::models
