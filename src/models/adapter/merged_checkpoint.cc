#include "models/adapter/merged_checkpoint.h"

#include <algorithm>
#include <cstring>

#include "base/excerpt.h"
#include "quant/quant.h"

namespace hearth::models {
namespace {

using tensor::DType;

Result<void> check_type(const Checkpoint& base, const gguf::TensorInfo& tensor, MergedType type) {
  if (!base.column_order(tensor.name).empty() || !quant::can_dequantize(tensor.dtype)) {
    return make_error(ErrorCode::kUnsupported,
                      "{}: tensor {}: expected weights that can be dequantised, found {}", base.name(),
                      excerpt(tensor.name), tensor::dtype_name(tensor.dtype));
  }
  if (type == MergedType::kF32 || quant::can_quantize(tensor.dtype)) return {};
  return make_error(ErrorCode::kUnsupported,
                    "{}: tensor {}: expected a type that weights can be put into again, found {}; another "
                    "type for the merged model may be asked for",
                    base.name(), excerpt(tensor.name), tensor::dtype_name(tensor.dtype));
}

// W + scale B A, row by row.
void merge(const gguf::TensorInfo& info, std::span<const std::byte> base, const LoraMatrix& matrix, DType to,
           std::vector<std::byte>& out) {
  const auto columns = static_cast<size_t>(matrix.columns);
  const uint64_t from_bytes = *tensor::row_bytes(info.dtype, columns);
  const uint64_t to_bytes = *tensor::row_bytes(to, columns);
  out.resize(static_cast<size_t>(matrix.rows) * to_bytes);
  std::vector<float> row(columns);
  for (int64_t i = 0; i < matrix.rows; ++i) {
    const auto at = static_cast<uint64_t>(i);
    quant::dequantize_row(info.dtype, base.data() + at * from_bytes, row.data(), matrix.columns);
    for (int64_t r = 0; r < matrix.rank; ++r) {
      const float factor = matrix.scale * matrix.b[static_cast<size_t>(i * matrix.rank + r)];
      const float* const a = matrix.a.data() + r * matrix.columns;
      for (size_t j = 0; j < columns; ++j) row[j] += factor * a[j];
    }
    std::byte* const to_row = out.data() + at * to_bytes;
    if (to == DType::kF32) {
      std::memcpy(to_row, row.data(), to_bytes);
    } else {
      quant::quantize_row(to, row.data(), to_row, matrix.columns);
    }
  }
}

}  // namespace

Result<std::unique_ptr<const MergedCheckpoint>> MergedCheckpoint::create(const Checkpoint& base,
                                                                         LoraAdapter adapter,
                                                                         MergedType type) {
  std::unique_ptr<MergedCheckpoint> merged(new MergedCheckpoint(base, std::move(adapter)));
  for (const gguf::TensorInfo& original : base.tensors()) {
    gguf::TensorInfo tensor = original;
    if (merged->matrix_of(original.name) != nullptr) {
      HEARTH_TRY(check_type(base, original, type));
      if (type == MergedType::kF32) tensor.dtype = DType::kF32;
      const auto n_rows = static_cast<uint64_t>(original.shape[0]);
      tensor.size_bytes = n_rows * *tensor::row_bytes(tensor.dtype, static_cast<uint64_t>(original.shape[1]));
      tensor.data = {};
    }
    merged->places_.emplace(original.name, merged->tensors_.size());
    merged->tensors_.push_back(tensor);
  }
  return std::unique_ptr<const MergedCheckpoint>(std::move(merged));
}

const LoraMatrix* MergedCheckpoint::matrix_of(std::string_view weight) const noexcept {
  const auto found = std::find_if(adapter_.matrices.begin(), adapter_.matrices.end(),
                                  [&](const LoraMatrix& matrix) { return matrix.weight == weight; });
  return found == adapter_.matrices.end() ? nullptr : &*found;
}

const gguf::TensorInfo* MergedCheckpoint::find_tensor(std::string_view name) const noexcept {
  const auto found = places_.find(name);
  return found == places_.end() ? nullptr : &tensors_[found->second];
}

const gguf::TensorInfo& MergedCheckpoint::original(const gguf::TensorInfo& tensor) const noexcept {
  return base_.tensors()[places_.find(tensor.name)->second];
}

Result<std::span<const std::byte>> MergedCheckpoint::data(const gguf::TensorInfo& tensor) const {
  const LoraMatrix* const matrix = matrix_of(tensor.name);
  if (matrix == nullptr) return base_.data(original(tensor));
  std::vector<std::byte>& bytes = merged_[std::string(tensor.name)];
  if (bytes.empty()) {
    HEARTH_ASSIGN(const std::span<const std::byte> base, base_.data(original(tensor)));
    merge(original(tensor), base, *matrix, tensor.dtype, bytes);
    base_.release(original(tensor));
  }
  return std::span<const std::byte>(bytes);
}

void MergedCheckpoint::release(const gguf::TensorInfo& tensor) const noexcept {
  if (matrix_of(tensor.name) == nullptr) return base_.release(original(tensor));
  const auto found = merged_.find(tensor.name);
  if (found != merged_.end()) merged_.erase(found);
}

}  // namespace hearth::models
