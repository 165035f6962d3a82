// A matrix as GPTQ or AWQ packs it, checked, and unpacked into blocks of A4 or A8 that have exactly its
// values. Layout and sources: docs/formats/gptq_awq.md.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "formats/safetensors/safetensors.h"
#include "models/huggingface/packing.h"
#include "tensor/tensor.h"

namespace hearth::models {

// The tensors of one module; null: there is none.
struct PackedTensors {
  const safetensors::TensorInfo* qweight = nullptr;
  const safetensors::TensorInfo* qzeros = nullptr;
  const safetensors::TensorInfo* scales = nullptr;
  const safetensors::TensorInfo* g_idx = nullptr;
};

// Reads views: the tensors must outlive it.
class PackedMatrix {
 public:
  // `module` names it in errors. kMalformed where a tensor is missing, of another type or shape than the
  // others and the configuration make it, or a group index is out of range; kUnsupported where groups do not
  // fall into whole blocks of 32.
  static Result<PackedMatrix> of(const std::string& module, const PackedTensors& tensors,
                                 const Packing& packing);

  int64_t rows() const noexcept { return n_; }     // outputs
  int64_t columns() const noexcept { return k_; }  // inputs
  tensor::DType dtype() const noexcept {
    return packing_.bits <= 4 ? tensor::DType::kA4 : tensor::DType::kA8;
  }
  // Column j of the blocks is input order()[j]; empty: they are in their own order.
  const std::vector<int32_t>& order() const noexcept { return order_; }

  // Writes rows() rows of columns() / 32 blocks, the rows divided among the pool's threads.
  void unpack(ThreadPool& pool, std::span<std::byte> blocks) const;
  // Lets the system take back what was read of the file.
  void release() const noexcept;

 private:
  Result<void> read_shapes(const std::string& module);
  Result<void> read_groups(const std::string& module);
  template <typename Block>
  void unpack_rows(int64_t begin, int64_t end, Block* blocks) const;
  uint32_t weight(int64_t k, int64_t n) const noexcept;
  int32_t zero(int64_t group, int64_t n) const noexcept;
  float scale(int64_t group, int64_t n) const noexcept;

  PackedTensors tensors_;
  Packing packing_;
  int64_t n_ = 0, k_ = 0, n_groups_ = 0;
  std::vector<int32_t> order_;
  std::vector<int32_t> block_groups_;  // of each block of 32 columns, in their order
};

}  // namespace hearth::models
