#include "models/adapter/lora_adapter.h"

#include <algorithm>
#include <cmath>

#include "models/adapter/lora_gguf.h"
#include "models/adapter/lora_peft.h"

namespace hearth::models {
namespace {

namespace fs = std::filesystem;

bool all_finite(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

Result<void> check_matrix(const std::string& name, const LoraMatrix& matrix, const Checkpoint& base) {
  const gguf::TensorInfo* const weight = base.find_tensor(matrix.weight);
  if (weight == nullptr) {
    return make_error(ErrorCode::kMalformed, "{}: expected adapters of weights that {} has, found one of {}",
                      name, base.name(), matrix.weight);
  }
  if (weight->shape != tensor::Shape{matrix.rows, matrix.columns}) {
    return make_error(ErrorCode::kMalformed, "{}: {}: expected an adapter of {}, found one of [{}, {}]", name,
                      matrix.weight, weight->shape.to_string(), matrix.rows, matrix.columns);
  }
  // More would say nothing more, and steps have room for so many.
  if (const int64_t most = std::max(matrix.rows, matrix.columns); matrix.rank < 1 || matrix.rank > most) {
    return make_error(ErrorCode::kUnsupported, "{}: {}: expected a rank from 1 to {}, found {}", name,
                      matrix.weight, most, matrix.rank);
  }
  if (!all_finite(matrix.a) || !all_finite(matrix.b) || !std::isfinite(matrix.scale)) {
    return make_error(ErrorCode::kMalformed, "{}: {}: expected finite numbers, found others", name,
                      matrix.weight);
  }
  return {};
}

}  // namespace

Result<void> check_lora_adapter(const LoraAdapter& adapter, const Checkpoint& base) {
  if (adapter.matrices.empty()) {
    return make_error(ErrorCode::kMalformed, "{}: expected adapters of weights, found none", adapter.name);
  }
  for (const LoraMatrix& matrix : adapter.matrices) HEARTH_TRY(check_matrix(adapter.name, matrix, base));
  return {};
}

Result<LoraAdapter> read_lora_adapter(const fs::path& path, const Checkpoint& base) {
  std::error_code ignored;
  HEARTH_ASSIGN(LoraAdapter adapter, fs::is_directory(path, ignored) ? read_peft_adapter(path, base)
                                                                     : read_gguf_adapter(path, base));
  HEARTH_TRY(check_lora_adapter(adapter, base));
  return adapter;
}

}  // namespace hearth::models
