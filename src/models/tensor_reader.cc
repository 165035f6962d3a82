#include "models/tensor_reader.h"

#include <algorithm>
#include <cstring>

namespace hearth::models {

Result<const gguf::TensorInfo*> TensorReader::find(const std::string& name, const tensor::Shape& expected) {
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

Result<const gguf::TensorInfo*> TensorReader::find_f32(const std::string& name,
                                                       const tensor::Shape& expected) {
  HEARTH_ASSIGN(const gguf::TensorInfo* info, find(name, expected));
  if (info->dtype != tensor::DType::kF32) {
    return make_error(ErrorCode::kUnsupported, "{}: tensor {}: expected type F32, found {}", file_.name(),
                      name, tensor::dtype_name(info->dtype));
  }
  return info;
}

Result<std::vector<float>> TensorReader::host_vector(const std::string& name, int64_t expected_length) {
  HEARTH_ASSIGN(const gguf::TensorInfo* info, find_f32(name, {expected_length}));
  HEARTH_ASSIGN(const std::span<const std::byte> data, file_.data(*info));
  std::vector<float> values(static_cast<size_t>(expected_length));
  std::memcpy(values.data(), data.data(), values.size() * sizeof(float));
  return values;
}

Result<void> TensorReader::check_all_used(std::initializer_list<std::string_view> ignored) const {
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
