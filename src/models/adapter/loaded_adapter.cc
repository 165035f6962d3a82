#include "models/adapter/loaded_adapter.h"

#include <algorithm>
#include <atomic>

namespace hearth::models {
namespace {

constexpr size_t kAlignment = 64;

size_t aligned_bytes(const std::vector<float>& values) {
  return (values.size() * sizeof(float) + kAlignment - 1) / kAlignment * kAlignment;
}

Result<void> check_adaptable(const LoraAdapter& adapter, const LoraMatrix& matrix, const ModelInfo& model) {
  const bool is_adaptable = std::any_of(model.adaptable.begin(), model.adaptable.end(),
                                        [&](const std::string& weight) { return weight == matrix.weight; });
  if (is_adaptable) return {};
  return make_error(ErrorCode::kUnsupported,
                    "{}: expected adapters of matrices that each token passes, found one of {}", adapter.name,
                    matrix.weight);
}

}  // namespace

Result<std::shared_ptr<const LoadedAdapter>> LoadedAdapter::load(const LoraAdapter& adapter,
                                                                 const ModelInfo& model,
                                                                 tensor::Backend& backend) {
  static std::atomic<uint64_t> n_loaded = 0;
  std::shared_ptr<LoadedAdapter> loaded(new LoadedAdapter);
  loaded->name_ = adapter.name;
  loaded->id_ = ++n_loaded;
  for (const LoraMatrix& matrix : adapter.matrices) {
    HEARTH_TRY(check_adaptable(adapter, matrix, model));
    loaded->size_bytes_ += aligned_bytes(matrix.a) + aligned_bytes(matrix.b);
  }
  HEARTH_ASSIGN(loaded->memory_, backend.allocate(loaded->size_bytes_));
  auto* at = static_cast<std::byte*>(loaded->memory_->data());
  const auto place = [&](const tensor::Shape& shape, const std::vector<float>& values) {
    const tensor::Tensor tensor{tensor::DType::kF32, shape, at};
    at += aligned_bytes(values);
    backend.write(values, tensor);
    return tensor;
  };
  for (const LoraMatrix& matrix : adapter.matrices) {
    std::vector<float> scaled = matrix.b;
    for (float& value : scaled) value *= matrix.scale;
    const tensor::Tensor a = place({matrix.rank, matrix.columns}, matrix.a);
    const tensor::Tensor b = place({matrix.rows, matrix.rank}, scaled);
    loaded->matrices_.emplace(matrix.weight, Matrix{a, b});
  }
  backend.synchronize();
  return std::shared_ptr<const LoadedAdapter>(std::move(loaded));
}

const LoadedAdapter::Matrix* LoadedAdapter::find(std::string_view weight) const noexcept {
  const auto found = matrices_.find(weight);
  return found == matrices_.end() ? nullptr : &found->second;
}

}  // namespace hearth::models
