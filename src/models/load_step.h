// How far the loading of a model is, for whoever waits for it.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "models/checkpoint.h"

namespace hearth::models {

// Stages follow each other, and each begins with nothing completed.
struct LoadStep {
  std::string_view stage;  // for people: "reading weights"
  uint64_t completed_bytes = 0;
  uint64_t total_bytes = 0;  // 0: not known
};
// Called on the thread that loads, often. May be empty.
using OnLoadStep = std::function<void(const LoadStep& step)>;

// A checkpoint that tells which of its tensors' bytes were asked for. That is what is done with weights: what
// lies on disk as it is computed with is only found there, and read by the first steps; what is packed or
// ordered otherwise is converted. Neither `inner` nor `on_step` is owned; both must outlive it. Not
// thread-safe.
class ObservedCheckpoint final : public Checkpoint {
 public:
  ObservedCheckpoint(const Checkpoint& inner, const OnLoadStep& on_step);

  const std::string& name() const noexcept override { return inner_.name(); }
  const gguf::Value* find(std::string_view key) const noexcept override { return inner_.find(key); }
  CheckpointFiles files() const override { return inner_.files(); }
  std::span<const gguf::MetadataEntry> metadata() const noexcept override { return inner_.metadata(); }
  std::span<const gguf::TensorInfo> tensors() const noexcept override { return inner_.tensors(); }
  const gguf::TensorInfo* find_tensor(std::string_view name) const noexcept override {
    return inner_.find_tensor(name);
  }
  std::span<const int32_t> column_order(std::string_view name) const noexcept override {
    return inner_.column_order(name);
  }
  Result<std::unique_ptr<const text::Tokenizer>> load_tokenizer() const override {
    return inner_.load_tokenizer();
  }
  Result<std::span<const std::byte>> data(const gguf::TensorInfo& tensor) const override;

 private:
  void tell() const;

  const Checkpoint& inner_;
  const OnLoadStep& on_step_;
  uint64_t total_bytes_ = 0;
  mutable uint64_t completed_bytes_ = 0;
  mutable std::set<const gguf::TensorInfo*> seen_;
};

}  // namespace hearth::models
