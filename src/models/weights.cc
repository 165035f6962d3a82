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

Result<const gguf::TensorInfo*> WeightReader::find_f32(const std::string& name, const Shape& expected) {
  HEARTH_ASSIGN(const gguf::TensorInfo* info, find(name, expected));
  if (info->dtype != DType::kF32) {
    return make_error(ErrorCode::kUnsupported, "{}: tensor {}: expected type F32, found {}", file_.name(),
                      name, tensor::dtype_name(info->dtype));
  }
  return info;
}

Result<const gguf::TensorInfo*> WeightReader::find_matrix(const std::string& name, const Shape& expected) {
  HEARTH_ASSIGN(const gguf::TensorInfo* info, find(name, expected));
  if (!backend_.supports_weight(info->dtype)) {
    return make_error(ErrorCode::kUnsupported, "{}: tensor {}: Hearth cannot compute with type {} yet",
                      file_.name(), name, tensor::dtype_name(info->dtype));
  }
  return info;
}

Result<Tensor> WeightReader::matrix(const std::string& name, const Shape& expected) {
  HEARTH_ASSIGN(const gguf::TensorInfo* info, find_matrix(name, expected));
  // A backend only reads weights; Tensor has one pointer for both uses.
  return backend_.import_weight({info->dtype, info->shape, const_cast<std::byte*>(info->data.data())});
}

Result<Tensor> WeightReader::matrix_rows(const std::string& name, const Shape& expected, RowRange rows) {
  HEARTH_CHECK(expected.rank() == 2 && rows.first >= 0 && rows.first + rows.count <= expected[0]);
  if (rows.count == expected[0]) return matrix(name, expected);
  HEARTH_ASSIGN(const gguf::TensorInfo* info, find_matrix(name, expected));
  const uint64_t row_bytes = *tensor::row_bytes(info->dtype, static_cast<uint64_t>(expected[1]));
  const std::byte* first = info->data.data() + static_cast<uint64_t>(rows.first) * row_bytes;
  return backend_.import_weight({info->dtype, {rows.count, expected[1]}, const_cast<std::byte*>(first)});
}

Result<Tensor> WeightReader::floats(const std::string& name, const Shape& expected) {
  HEARTH_ASSIGN(const gguf::TensorInfo* info, find_f32(name, expected));
  return backend_.import_weight({info->dtype, info->shape, const_cast<std::byte*>(info->data.data())});
}

Result<Tensor> WeightReader::vector(const std::string& name, int64_t expected_length) {
  return vector_part(name, expected_length, {0, expected_length});
}

Result<Tensor> WeightReader::vector_part(const std::string& name, int64_t expected_length, RowRange part) {
  HEARTH_CHECK(part.first >= 0 && part.first + part.count <= expected_length);
  HEARTH_ASSIGN(const gguf::TensorInfo* info, find_f32(name, {expected_length}));
  const std::byte* first = info->data.data() + static_cast<size_t>(part.first) * sizeof(float);
  return backend_.import_weight({info->dtype, {part.count}, const_cast<std::byte*>(first)});
}

Result<std::vector<float>> WeightReader::host_vector(const std::string& name, int64_t expected_length) {
  HEARTH_ASSIGN(const gguf::TensorInfo* info, find_f32(name, {expected_length}));
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
