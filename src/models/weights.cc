#include "models/weights.h"

#include <algorithm>
#include <cstring>

#include "quant/quant.h"

namespace hearth::models {

using tensor::DType;
using tensor::Shape;
using tensor::Tensor;

Result<const gguf::TensorInfo*> WeightReader::find_matrix(const std::string& name, const Shape& expected) {
  HEARTH_ASSIGN(const gguf::TensorInfo* info, find(name, expected));
  if (!backend_.supports_weight(info->dtype)) {
    return make_error(ErrorCode::kUnsupported, "{}: tensor {}: Hearth cannot compute with type {} yet",
                      file().name(), name, tensor::dtype_name(info->dtype));
  }
  return info;
}

Result<Tensor> WeightReader::import(const gguf::TensorInfo& info, const Shape& shape, uint64_t offset) {
  HEARTH_ASSIGN(const std::span<const std::byte> data, file().data(info));
  // A backend only reads weights; Tensor has one pointer for both uses.
  return backend_.import_weight({info.dtype, shape, const_cast<std::byte*>(data.data() + offset)});
}

Result<void> WeightReader::check_not_ordered(const std::string& name) const {
  if (file().column_order(name).empty()) return {};
  return make_error(ErrorCode::kUnsupported,
                    "{}: tensor {}: expected columns in their own order, found another one (desc_act), which "
                    "Hearth does not compute here",
                    file().name(), name);
}

Result<Tensor> WeightReader::import_rows(const gguf::TensorInfo& info, const Shape& shape, RowRange rows) {
  const uint64_t row_bytes = *tensor::row_bytes(info.dtype, static_cast<uint64_t>(shape[1]));
  return import(info, {rows.count, shape[1]}, static_cast<uint64_t>(rows.first) * row_bytes);
}

Result<Tensor> WeightReader::matrix(const std::string& name, const Shape& expected) {
  HEARTH_ASSIGN(const gguf::TensorInfo* info, find_matrix(name, expected));
  HEARTH_TRY(check_not_ordered(name));
  return import(*info, expected, 0);
}

Result<Tensor> WeightReader::matrix_rows(const std::string& name, const Shape& expected, RowRange rows) {
  HEARTH_CHECK(expected.rank() == 2 && rows.first >= 0 && rows.first + rows.count <= expected[0]);
  HEARTH_ASSIGN(const gguf::TensorInfo* info, find_matrix(name, expected));
  HEARTH_TRY(check_not_ordered(name));
  return import_rows(*info, expected, rows);
}

Result<WeightReader::OrderedMatrix> WeightReader::ordered_matrix_rows(const std::string& name,
                                                                      const Shape& expected, RowRange rows) {
  HEARTH_CHECK(expected.rank() == 2 && rows.first >= 0 && rows.first + rows.count <= expected[0]);
  HEARTH_ASSIGN(const gguf::TensorInfo* info, find_matrix(name, expected));
  OrderedMatrix matrix;
  HEARTH_ASSIGN(matrix.weight, import_rows(*info, expected, rows));
  const std::span<const int32_t> order = file().column_order(name);
  if (order.empty()) return matrix;
  HEARTH_CHECK(static_cast<int64_t>(order.size()) == expected[1]);
  HEARTH_ASSIGN(matrix.order,
                backend_.import_weight({DType::kI32, {expected[1]}, const_cast<int32_t*>(order.data())}));
  return matrix;
}

Result<Tensor> WeightReader::floats(const std::string& name, const Shape& expected) {
  HEARTH_ASSIGN(const gguf::TensorInfo* info, find_f32(name, expected));
  return import(*info, expected, 0);
}

Result<Tensor> WeightReader::vector(const std::string& name, int64_t expected_length) {
  return vector_part(name, expected_length, {0, expected_length});
}

Result<Tensor> WeightReader::vector_part(const std::string& name, int64_t expected_length, RowRange part) {
  HEARTH_CHECK(part.first >= 0 && part.first + part.count <= expected_length);
  HEARTH_ASSIGN(const gguf::TensorInfo* info, find_f32(name, {expected_length}));
  return import(*info, {part.count}, static_cast<uint64_t>(part.first) * sizeof(float));
}

Result<std::vector<float>> WeightReader::host_matrix(const std::string& name, const Shape& expected) {
  const uint64_t bytes_before = bytes_read();
  HEARTH_ASSIGN(const gguf::TensorInfo* info, find_matrix(name, expected));
  set_bytes_read(bytes_before);
  if (!quant::can_dequantize(info->dtype)) {
    return make_error(ErrorCode::kUnsupported, "{}: tensor {}: Hearth cannot expand type {}", file().name(),
                      name, tensor::dtype_name(info->dtype));
  }
  HEARTH_TRY(check_not_ordered(name));
  HEARTH_ASSIGN(const std::span<const std::byte> data, file().data(*info));
  std::vector<float> values(static_cast<size_t>(info->shape.n_elements()));
  quant::dequantize_row(info->dtype, data.data(), values.data(), info->shape.n_elements());
  return values;
}

Result<OwnedWeight> WeightReader::make(const Shape& shape, std::span<const float> values) {
  OwnedWeight weight;
  HEARTH_ASSIGN(weight.memory, backend_.allocate(values.size_bytes()));
  weight.tensor = {DType::kF32, shape, weight.memory->data()};
  backend_.write(values, weight.tensor);
  set_bytes_read(bytes_read() + values.size_bytes());
  return weight;
}

}  // namespace hearth::models
