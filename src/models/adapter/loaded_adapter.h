// An adapter whose matrices a backend can multiply with: it is applied to rows of a step, beside the model's
// own matrices, which stay as they are.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "models/adapter/lora_adapter.h"
#include "models/model.h"
#include "tensor/backend.h"

namespace hearth::models {

// Immutable, so that any number of sequences may share it. The backend must outlive it.
class LoadedAdapter {
 public:
  struct Matrix {
    tensor::Tensor a;  // [rank, columns] F32
    tensor::Tensor b;  // [rows, rank] F32, multiplied by the scale
  };

  // kUnsupported, naming the weight, for one that the model does not apply by itself (experts, embeddings);
  // kResourceExhausted.
  static Result<std::shared_ptr<const LoadedAdapter>> load(const LoraAdapter& adapter, const ModelInfo& model,
                                                           tensor::Backend& backend);

  const std::string& name() const noexcept { return name_; }
  // Of no other that was loaded in this process.
  uint64_t id() const noexcept { return id_; }
  uint64_t size_bytes() const noexcept { return size_bytes_; }
  // Null where the weight has none.
  const Matrix* find(std::string_view weight) const noexcept;

 private:
  LoadedAdapter() = default;

  std::string name_;
  uint64_t id_ = 0;
  uint64_t size_bytes_ = 0;
  std::shared_ptr<tensor::Buffer> memory_;
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  std::unordered_map<std::string, Matrix, Hash, std::equal_to<>> matrices_;
};

}  // namespace hearth::models
