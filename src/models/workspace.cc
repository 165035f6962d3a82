#include "models/workspace.h"

namespace hearth::models {

namespace {
// A cache line, so that rows of different tensors never share one between threads.
constexpr size_t kAlignmentBytes = 64;
}  // namespace

Result<Workspace> Workspace::create(tensor::Backend& backend, size_t size_bytes) {
  HEARTH_ASSIGN(auto buffer, backend.allocate(size_bytes));
  return Workspace(std::move(buffer));
}

size_t Workspace::bytes_for(const tensor::Shape& shape) {
  const size_t bytes = static_cast<size_t>(shape.n_elements()) * sizeof(float);
  return (bytes + kAlignmentBytes - 1) / kAlignmentBytes * kAlignmentBytes;
}

tensor::Tensor Workspace::take(tensor::Shape shape) {
  const size_t bytes = bytes_for(shape);
  HEARTH_CHECK(bytes <= buffer_->size_bytes() - used_bytes_);
  auto* data = static_cast<std::byte*>(buffer_->data()) + used_bytes_;
  used_bytes_ += bytes;
  return {tensor::DType::kF32, shape, data};
}

tensor::Tensor Workspace::take_indices(tensor::Shape shape) {
  static_assert(sizeof(int32_t) == sizeof(float));
  tensor::Tensor indices = take(shape);
  indices.dtype = tensor::DType::kI32;
  return indices;
}

}  // namespace hearth::models
