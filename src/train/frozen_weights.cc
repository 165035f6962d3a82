#include "train/frozen_weights.h"

#include <algorithm>
#include <type_traits>

#include "quant/quant.h"
#include "train/products.h"

namespace hearth::train {
namespace {

constexpr int64_t kPanelNumbers = int64_t{1} << 20;
constexpr int64_t kPanelGrainRows = 8;

template <typename T>
void dequantize(tensor::DType dtype, const std::byte* data, int64_t n, T* out) {
  if constexpr (std::is_same_v<T, float>) {
    quant::dequantize_row(dtype, data, out, n);
  } else {
    std::vector<float> floats(static_cast<size_t>(n));
    quant::dequantize_row(dtype, data, floats.data(), n);
    std::copy(floats.begin(), floats.end(), out);
  }
}

Result<const gguf::TensorInfo*> find_tensor(const models::Checkpoint& checkpoint,
                                            const Parameter& parameter) {
  const gguf::TensorInfo* tensor = checkpoint.find_tensor(parameter.name);
  if (tensor == nullptr) {
    return make_error(ErrorCode::kMalformed, "{}: expected a tensor {}, found none", checkpoint.name(),
                      parameter.name);
  }
  const tensor::Shape shape = parameter.is_matrix ? tensor::Shape{parameter.rows, parameter.columns}
                                                  : tensor::Shape{parameter.columns};
  if (tensor->shape != shape) {
    return make_error(ErrorCode::kMalformed, "{}: tensor {}: expected shape {}, found {}", checkpoint.name(),
                      parameter.name, shape.to_string(), tensor->shape.to_string());
  }
  if (!quant::can_dequantize(tensor->dtype) || !checkpoint.column_order(parameter.name).empty()) {
    return make_error(ErrorCode::kUnsupported,
                      "{}: tensor {}: expected weights that can be dequantised, found {}", checkpoint.name(),
                      parameter.name, tensor::dtype_name(tensor->dtype));
  }
  return tensor;
}

}  // namespace

template <typename T>
Result<FrozenWeights<T>> FrozenWeights<T>::create(const models::Checkpoint& checkpoint,
                                                  const DecoderLayout& layout) {
  FrozenWeights weights;
  for (const Parameter& parameter : layout.parameters) {
    HEARTH_ASSIGN(const gguf::TensorInfo* found, find_tensor(checkpoint, parameter));
    HEARTH_ASSIGN(const std::span<const std::byte> bytes, checkpoint.data(*found));
    Tensor tensor{found->dtype,
                  bytes.data(),
                  *tensor::row_bytes(found->dtype, static_cast<uint64_t>(parameter.columns)),
                  {}};
    if (!parameter.is_matrix) {
      tensor.values.resize(static_cast<size_t>(parameter.columns));
      dequantize(tensor.dtype, tensor.data, parameter.columns, tensor.values.data());
    }
    weights.tensors_.push_back(std::move(tensor));
  }
  return weights;
}

template <typename T>
void FrozenWeights<T>::rows(const Parameter& matrix, int64_t begin, int64_t end, T* out) const {
  const Tensor& tensor = tensors_[matrix.place];
  for (int64_t row = begin; row < end; ++row) {
    dequantize(tensor.dtype, tensor.data + static_cast<uint64_t>(row) * tensor.row_bytes, matrix.columns,
               out + (row - begin) * matrix.columns);
  }
}

template <typename T>
template <typename Body>
void FrozenWeights<T>::for_panels(Threads& threads, const Parameter& matrix, const Body& body) {
  const Tensor& tensor = tensors_[matrix.place];
  if (std::is_same_v<T, float> && tensor.dtype == tensor::DType::kF32) {
    body(int64_t{0}, matrix.rows, reinterpret_cast<const T*>(tensor.data));
    return;
  }
  const int64_t n_rows = std::clamp<int64_t>(kPanelNumbers / matrix.columns, 1, matrix.rows);
  panel_.resize(std::max(panel_.size(), static_cast<size_t>(n_rows * matrix.columns)));
  for (int64_t first = 0; first < matrix.rows; first += n_rows) {
    const int64_t n = std::min(n_rows, matrix.rows - first);
    threads.for_ranges(n, kPanelGrainRows, [&](int64_t begin, int64_t end) {
      rows(matrix, first + begin, first + end, panel_.data() + begin * matrix.columns);
    });
    body(first, n, static_cast<const T*>(panel_.data()));
  }
}

template <typename T>
void FrozenWeights<T>::multiply(Threads& threads, const Parameter& matrix, const T* x, int64_t n, bool adds,
                                T* out) {
  for_panels(threads, matrix, [&](int64_t first, int64_t n_rows, const T* panel) {
    const GemmArgs<T> args{
        n,    n_rows,      matrix.columns, {x, matrix.columns, 1}, {panel, 1, matrix.columns},
        adds, out + first, matrix.rows};
    train::multiply<T>(threads, args);
  });
}

template <typename T>
void FrozenWeights<T>::multiply_transposed(Threads& threads, const Parameter& matrix, const T* x, int64_t n,
                                           bool adds, T* out) {
  for_panels(threads, matrix, [&](int64_t first, int64_t n_rows, const T* panel) {
    const GemmArgs<T> args{n,
                           matrix.columns,
                           n_rows,
                           {x + first, matrix.rows, 1},
                           {panel, matrix.columns, 1},
                           adds || first > 0,
                           out,
                           matrix.columns};
    train::multiply<T>(threads, args);
  });
}

template <typename T>
void FrozenWeights<T>::embed(Threads& threads, const Parameter& matrix, std::span<const int32_t> tokens,
                             T* out) {
  threads.for_ranges(std::ssize(tokens), kPanelGrainRows, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = tokens[static_cast<size_t>(i)];
      rows(matrix, row, row + 1, out + i * matrix.columns);
    }
  });
}

template <typename T>
const T* FrozenWeights<T>::vector(const Parameter& parameter) {
  return tensors_[parameter.place].values.data();
}

template class FrozenWeights<float>;
template class FrozenWeights<double>;

}  // namespace hearth::train
