// The tensors of a Hugging Face folder under GGUF's names, converted where GGUF has them in another form.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/name_index.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "formats/gguf/gguf.h"
#include "formats/safetensors/shards.h"
#include "models/huggingface/hyperparameters.h"
#include "models/huggingface/packed_matrix.h"
#include "models/huggingface/packing.h"
#include "models/huggingface/tensor_names.h"

namespace hearth::models {

// Matrices of F32, F16 and BF16 stay where the file is mapped; vectors (norms, biases) become F32, and packed
// matrices blocks of A4 or A8, when they are asked for. What was mapped of a packed matrix is then released,
// so that no more than one of them is in memory twice. Views of it stay valid when it is moved. Not
// thread-safe.
class HuggingFaceTensors {
 public:
  // kUnsupported for a tensor or a type that has no place in the family; kMalformed.
  static Result<HuggingFaceTensors> of(safetensors::Shards shards, const HuggingFaceFamily& family,
                                       const Hyperparameters& hyperparameters,
                                       const std::optional<Packing>& packing);

  const safetensors::Shards& shards() const noexcept { return shards_; }
  std::span<const gguf::TensorInfo> infos() const noexcept { return infos_; }
  const gguf::TensorInfo* find(std::string_view name) const noexcept;
  // See Checkpoint::column_order and Checkpoint::data. `info` is one of infos().
  std::span<const int32_t> column_order(std::string_view name) const noexcept;
  Result<std::span<const std::byte>> data(const gguf::TensorInfo& info);

 private:
  // Where a tensor's bytes come from.
  struct Source {
    const safetensors::TensorInfo* stored = nullptr;  // null: packed, or `made` from the beginning
    float add = 0.0F;                                 // to every element of a vector
    std::optional<PackedMatrix> packed;
    std::vector<float> made;              // what was converted ...
    std::unique_ptr<std::byte[]> blocks;  // ... or unpacked
  };

  explicit HuggingFaceTensors(safetensors::Shards shards) : shards_(std::move(shards)) {}
  Result<void> add(const safetensors::TensorInfo& stored, const HuggingFaceFamily& family, bool tied);
  // Whether `name` is of a packed matrix, of which it then takes note.
  bool take_packed(const TensorName& name, const safetensors::TensorInfo& stored);
  Result<void> add_packed(const Packing& packing);
  Result<std::span<const std::byte>> unpack(const gguf::TensorInfo& info, Source& source);
  Result<void> add_vector(std::string name, const safetensors::TensorInfo& stored, float add);
  Result<void> add_matrix(std::string name, const safetensors::TensorInfo& stored);
  void add(std::string name, tensor::DType dtype, const tensor::Shape& shape, std::span<const std::byte> data,
           Source source);
  Result<void> finish();

  safetensors::Shards shards_;
  std::deque<std::string> names_;
  std::vector<gguf::TensorInfo> infos_;
  std::vector<Source> sources_;                  // of each of infos_
  std::map<std::string, PackedTensors> packed_;  // by module
  std::unique_ptr<ThreadPool> pool_;             // that unpacks
  NameIndex by_name_;
};

}  // namespace hearth::models
