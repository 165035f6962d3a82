// A checkpoint with an adapter's changes in its weights, as if it had been trained whole.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "base/result.h"
#include "models/adapter/lora_adapter.h"
#include "models/checkpoint.h"

namespace hearth::models {

// What the matrices that change become: floats, to be quantised by whoever reads them, or of the type that
// they had, rounded to it once more.
enum class MergedType { kF32, kKeep };

// All but the adapted matrices is the base's, which must outlive it.
class MergedCheckpoint final : public Checkpoint {
 public:
  // The adapter is one that check_lora_adapter() accepts. kUnsupported, naming the tensor, for a type that
  // cannot be dequantised, or (kKeep) quantised, and for columns in another order than their inputs.
  static Result<std::unique_ptr<const MergedCheckpoint>> create(const Checkpoint& base, LoraAdapter adapter,
                                                                MergedType type);

  const std::string& name() const noexcept override { return base_.name(); }
  const gguf::Value* find(std::string_view key) const noexcept override { return base_.find(key); }
  CheckpointFiles files() const override { return base_.files(); }
  std::span<const gguf::MetadataEntry> metadata() const noexcept override { return base_.metadata(); }
  std::span<const gguf::TensorInfo> tensors() const noexcept override { return tensors_; }
  const gguf::TensorInfo* find_tensor(std::string_view name) const noexcept override;
  // Computes an adapted matrix each time that it is asked for after release().
  Result<std::span<const std::byte>> data(const gguf::TensorInfo& tensor) const override;
  void release(const gguf::TensorInfo& tensor) const noexcept override;
  std::span<const int32_t> column_order(std::string_view name) const noexcept override {
    return base_.column_order(name);
  }
  Result<std::unique_ptr<const text::Tokenizer>> load_tokenizer() const override {
    return base_.load_tokenizer();
  }

 private:
  MergedCheckpoint(const Checkpoint& base, LoraAdapter adapter) : base_(base), adapter_(std::move(adapter)) {}
  const LoraMatrix* matrix_of(std::string_view weight) const noexcept;
  // The base's tensor that stands in the place of one of tensors().
  const gguf::TensorInfo& original(const gguf::TensorInfo& tensor) const noexcept;

  const Checkpoint& base_;
  const LoraAdapter adapter_;
  std::vector<gguf::TensorInfo> tensors_;  // in the base's order
  std::map<std::string, size_t, std::less<>> places_;
  mutable std::map<std::string, std::vector<std::byte>, std::less<>> merged_;
};

}  // namespace hearth::models
