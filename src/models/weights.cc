#include "models/weights.h"

#include <algorithm>
#include <cstring>

namespace hearth::models {

using tensor::DType;
using tensor::Shape;
using tensor::Tensor;

Result<const gguf::TensorInfo*> WeightReader::find(const std::string& name, const Shape& expected) {
  const gguf::TensorInfo* info = file_.find_tensor(name);
  if (info == nullptr) {
    return make_error(ErrorCode::kMalformed,
                      "{}: tensor {}: expected shape {}, found no such tensor; the file is damaged or of an "
                      "architecture that Hearth does not know (hearth inspect shows both)",
                      file_.name(), name, expected.to_string());
  }
  if (!(info->shape == expected)) {
    return make_error(
        ErrorCode::kMalformed,
        "{}: tensor {}: expected shape {}, found {}; the file is damaged or of an architecture that "
        "Hearth does not know (hearth inspect shows both)",
        file_.name(), name, expected.to_string(), info->shape.to_string());
  }
  if (used_.insert(name).second) bytes_read_ += info->size_bytes;
  return info;
}

Result<Tensor> WeightReader::matrix(const std::string& name, const Shape& expected) {
  HEARTH_ASSIGN(const gguf::TensorInfo* info, find(name, expected));
  if (!backend_.supports_weight(info->dtype)) {
    return make_error(ErrorCode::kUnsupported, "{}: tensor {}: Hearth cannot compute with type {} yet",
                      file_.name(), name, tensor::dtype_name(info->dtype));
  }
  // A backend only reads weights; Tensor has one pointer for both uses.
  return backend_.import_weight({info->dtype, info->shape, const_cast<std::byte*>(info->data.data())});
}

Result<Tensor> WeightReader::floats(const std::string& name, const Shape& expected) {
  HEARTH_ASSIGN(const gguf::TensorInfo* info, find(name, expected));
  if (info->dtype != DType::kF32) {
    return make_error(ErrorCode::kUnsupported, "{}: tensor {}: expected type F32, found {}", file_.name(),
                      name, tensor::dtype_name(info->dtype));
  }
  return backend_.import_weight({info->dtype, info->shape, const_cast<std::byte*>(info->data.data())});
}

Result<std::vector<float>> WeightReader::host_vector(const std::string& name, int64_t expected_length) {
  HEARTH_ASSIGN(const gguf::TensorInfo* info, find(name, {expected_length}));
  if (info->dtype != DType::kF32) {
    return make_error(ErrorCode::kUnsupported, "{}: tensor {}: expected type F32, found {}", file_.name(),
                      name, tensor::dtype_name(info->dtype));
  }
  std::vector<float> values(static_cast<size_t>(expected_length));
  std::memcpy(values.data(), info->data.data(), info->data.size());
  return values;
}

Result<void> WeightReader::check_all_used(std::initializer_list<std::string_view> ignored) const {
  for (const gguf::TensorInfo& info : file_.tensors()) {
    if (used_.contains(info.name)) continue;
    const auto is_prefix = [&](std::string_view prefix) { return info.name.starts_with(prefix); };
    if (std::any_of(ignored.begin(), ignored.end(), is_prefix)) continue;
    return make_error(
        ErrorCode::kUnsupported,
        "{}: tensor {} has no place in this architecture as Hearth knows it; without it the model "
        "would answer wrongly",
        file_.name(), info.name);
  }
  return {};
}

}  // namespace hearth::models
